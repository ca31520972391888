import { type ErrorCode, errorCodes } from './codes.ts';

/**
 * The one error class that crosses component borders. A class of failure is its code: `codes.ts` gives each code its
 * kind, SQLSTATE, MySQL number and remedy, so call sites only say what happened.
 *
 * - `user` errors are reported to whoever sent the statement or owns the data;
 * - `operational` errors concern the environment (network, disk, a peer), `retryable` says whether trying again can help;
 * - a bug is any other exception: it is logged with its stack and ends the work in hand.
 */
export class MillraceError extends Error {
  readonly code: ErrorCode;
  /** Where and with what it happened: statement position, topic, partition, offset, file, line. Shown after the message. */
  readonly detail: string | undefined;

  constructor(code: ErrorCode, message: string, options: { detail?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'MillraceError';
    this.code = code;
    this.detail = options.detail;
  }

  get kind(): 'user' | 'operational' {
    return errorCodes[this.code].kind;
  }

  get retryable(): boolean {
    return errorCodes[this.code].retryable;
  }

  get sqlState(): string {
    return errorCodes[this.code].sqlState;
  }

  /** The MySQL error number that clients see. */
  get mysqlNumber(): number {
    return errorCodes[this.code].mysqlNumber;
  }

  /** What to do next. */
  get remedy(): string {
    return errorCodes[this.code].remedy;
  }
}

/** Whether a caught value is a {@link MillraceError}, optionally of one code. */
export function isMillraceError(error: unknown, code?: ErrorCode): error is MillraceError {
  return error instanceof MillraceError && (code === undefined || error.code === code);
}
