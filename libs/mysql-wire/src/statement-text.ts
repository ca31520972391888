import { isUtf8 } from 'node:buffer';
import { MillraceError } from '@millrace/errors/millrace-error';

const quote = 0x27;
const doubleQuote = 0x22;
const backtick = 0x60;
const backslash = 0x5c;

/** Bytes that stand for a character after a backslash in a string literal; other characters stand for themselves. */
const escapes: Readonly<Record<string, number>> = { 0: 0, b: 8, n: 10, r: 13, t: 9, Z: 26 };

/**
 * Decodes a statement. Drivers with client-side parameters put raw bytes into string literals (`_binary'…'`); such a
 * text is not UTF-8, and each literal with bytes that are not becomes the hexadecimal literal `X'…'` of its value.
 *
 * @throws MillraceError TEXT_ENCODING for other bytes outside of UTF-8
 */
export function decodeStatementText(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString();
  const parts: string[] = [];
  let copied = 0;
  let position = 0;
  while (position < bytes.length) {
    const byte = bytes[position];
    if (byte !== quote && byte !== doubleQuote && byte !== backtick) {
      position = afterComment(bytes, position) ?? position + 1;
      continue;
    }
    const end = literalEnd(bytes, position, byte);
    if (byte !== backtick && !isUtf8(bytes.subarray(position, end))) {
      parts.push(withoutIntroducer(decodePlain(bytes, copied, position)));
      parts.push(`X'${literalValue(bytes.subarray(position + 1, end - 1), byte).toString('hex')}'`);
      copied = end;
    }
    position = end;
  }
  parts.push(decodePlain(bytes, copied, bytes.length));
  return parts.join('');
}

function decodePlain(bytes: Buffer, start: number, end: number): string {
  const part = bytes.subarray(start, end);
  if (!isUtf8(part)) {
    throw new MillraceError(
      'TEXT_ENCODING',
      'the statement is not valid UTF-8 outside of its string literals',
    );
  }
  return part.toString();
}

/** `X'…'` is a byte string already, so that `_binary` in front of it is dropped. */
function withoutIntroducer(text: string): string {
  return text.replace(/(^|[^\w$])_binary\s*$/i, '$1');
}

/** The position after the comment that starts here, undefined when none does. */
function afterComment(bytes: Buffer, start: number): number | undefined {
  const two = bytes.toString('latin1', start, start + 2);
  if (two === '/*') return endAfter(bytes, '*/', start + 2);
  if (two.startsWith('#') || /^--\s?$/.test(bytes.toString('latin1', start, start + 3))) {
    return endAfter(bytes, '\n', start);
  }
  return undefined;
}

function endAfter(bytes: Buffer, terminator: string, start: number): number {
  const found = bytes.indexOf(terminator, start, 'latin1');
  return found < 0 ? bytes.length : found + terminator.length;
}

/** The position after the closing quote; a doubled quote and, except in backticks, an escaped one do not close. */
function literalEnd(bytes: Buffer, start: number, opening: number): number {
  let position = start + 1;
  while (position < bytes.length) {
    const byte = bytes[position];
    if (byte === backslash && opening !== backtick) {
      position += 2;
    } else if (byte !== opening) {
      position += 1;
    } else if (bytes[position + 1] === opening) {
      position += 2;
    } else {
      return position + 1;
    }
  }
  throw new MillraceError('SQL_SYNTAX', 'a quoted text does not end');
}

function literalValue(body: Buffer, opening: number): Buffer {
  const value = Buffer.allocUnsafe(body.length);
  let length = 0;
  for (let position = 0; position < body.length; position += 1) {
    let byte = body[position] ?? 0;
    if (byte === opening) {
      position += 1;
    } else if (byte === backslash) {
      position += 1;
      const escaped = body[position] ?? 0;
      byte = escapes[String.fromCharCode(escaped)] ?? escaped;
    }
    value[length] = byte;
    length += 1;
  }
  return value.subarray(0, length);
}
