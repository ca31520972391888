import { MillraceError } from '@millrace/errors/millrace-error';

/** What the system reports when a disk takes no more. */
const diskFullCodes = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** A file system error as a MillraceError that says what was being done; a MillraceError passes unchanged. */
export function fileErrorOf(error: unknown, doing: string): MillraceError {
  if (error instanceof MillraceError) return error;
  const systemCode = error instanceof Error && 'code' in error ? String(error.code) : undefined;
  if (systemCode !== undefined && diskFullCodes.has(systemCode)) {
    return new MillraceError('DISK_FULL', `disk full while ${doing}`, { cause: error });
  }
  const detail = error instanceof Error ? error.message : String(error);
  return new MillraceError('INTERNAL', `cannot finish ${doing}`, { detail, cause: error });
}
