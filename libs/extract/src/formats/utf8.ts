import { isUtf8 } from 'node:buffer';
import { MillraceError } from '@millrace/errors/millrace-error';

/** Throws VALUE_WRONG_TYPE if `bytes[start, end)` is not UTF-8. Scanners call it for texts with bytes beyond ASCII. */
export function checkUtf8(bytes: Buffer, start: number, end: number): void {
  if (isUtf8(bytes.subarray(start, end))) return;
  const shown = bytes.subarray(start, Math.min(end, start + 32)).toString('latin1');
  throw new MillraceError('VALUE_WRONG_TYPE', `text '${shown}' is not valid UTF-8`);
}
