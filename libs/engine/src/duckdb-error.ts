import type { ErrorCode } from '@millrace/errors/codes';
import { MillraceError } from '@millrace/errors/millrace-error';
import { quoteIdentifier, quoteLiteral } from './sql-text.ts';

/**
 * Codes that generated SQL may raise about one column, with the words for each. The text travels through DuckDB's
 * `error()` as `millrace:<code>:<column length>:<column><value>` and comes back out in {@link engineErrorOf}.
 */
const columnErrors = {
  VALUE_TOO_LONG: 'value too long for column',
  VALUE_OUT_OF_RANGE: 'value out of range for column',
  VALUE_WRONG_TYPE: 'value of the wrong type for column',
  DATETIME_INVALID: 'date or time cannot be read for column',
  JSON_INVALID: 'not a JSON document for column',
  NOT_NULL: 'NULL for NOT NULL column',
} as const satisfies Partial<Record<ErrorCode, string>>;

export type ColumnErrorCode = keyof typeof columnErrors;

const markerPrefix = 'millrace:';
const shownValueCharacters = 64;

/**
 * A DuckDB expression that raises a column error when it is evaluated; put it behind a CASE. `valueExpression` (any
 * type) is shown in the message, cut to 64 characters.
 */
export function raiseColumnError(code: ColumnErrorCode, column: string, valueExpression?: string): string {
  const marker = quoteLiteral(`${markerPrefix}${code}:${column.length}:${column}`);
  const shown =
    valueExpression === undefined
      ? marker
      : `${marker} || left(CAST(${valueExpression} AS VARCHAR), ${shownValueCharacters})`;
  return `error(${shown})`;
}

function columnErrorOf(message: string, cause: unknown): MillraceError | undefined {
  const start = message.indexOf(markerPrefix);
  if (start < 0) return undefined;
  const match = /^millrace:([A-Z_]+):(\d+):/.exec(message.slice(start));
  const code = match?.[1];
  if (match === null || code === undefined || !Object.hasOwn(columnErrors, code)) return undefined;
  const rest = message.slice(start + match[0].length);
  const length = Number(match[2]);
  const column = rest.slice(0, length);
  const value = rest.slice(length);
  const primary = `${columnErrors[code as ColumnErrorCode]} ${quoteIdentifier(column)}`;
  // Only NULL has no value; an empty text is one, and often what is wrong.
  const detail = code === 'NOT_NULL' ? {} : { detail: `value ${quoteLiteral(value)}` };
  return new MillraceError(code as ColumnErrorCode, primary, { ...detail, cause });
}

interface Rule {
  readonly pattern: RegExp;
  readonly code: ErrorCode;
}

/** `Overflow in addition of INT64 (1 + 2)!`, `Overflow on abs(-1)` */
const overflowPattern = /^Out of Range Error: Overflow (?:in \w+ of (\w+) \((.*)\)|on (.*\)))/;
/** A result of arithmetic in a wider type, or of CAST, that does not fit the integer type it has in SQL. */
const integerResultPattern =
  /^Conversion Error: Type (?:U?INT128|DOUBLE|DECIMAL\(\d+,\d+\)) with value (\S+) can't be cast .* destination type (U?INT64)/;
const integerNames: Readonly<Record<string, string>> = { INT64: 'BIGINT', UINT64: 'BIGINT UNSIGNED' };

/** As MySQL says it, of an operation or its result. */
function outOfRangeText(message: string): string | undefined {
  const overflow = overflowPattern.exec(message);
  const [, result, resultType] = integerResultPattern.exec(message) ?? [];
  const type = integerNames[overflow?.[1] ?? resultType ?? 'INT64'] ?? 'number';
  const what = overflow?.[2] ?? overflow?.[3] ?? result;
  return what === undefined ? undefined : `${type} value is out of range in '${what}'`;
}

/**
 * DuckDB's message texts (1.5) to our codes; the first match wins. The C API gives no machine-readable error class, so
 * the `<Class> Error:` prefix and the wording are all there is; `duckdb-error.test.ts` provokes each one on the engine.
 */
const rules: readonly Rule[] = [
  { pattern: /^INTERRUPT Error|^Interrupt(?:ed)? Error|: Interrupted!?/, code: 'QUERY_KILLED' },
  { pattern: /No space left on device|Disk quota exceeded|failed to write .* bytes/i, code: 'DISK_FULL' },
  { pattern: /max_temp_directory_size|failed to offload data block/i, code: 'DISK_FULL' },
  { pattern: /^Out of Memory Error/, code: 'RESOURCE_LIMIT' },
  { pattern: /^Constraint Error: (?:NOT NULL constraint failed)/, code: 'NOT_NULL' },
  { pattern: /^Constraint Error: (?:Duplicate key|PRIMARY KEY or UNIQUE)/, code: 'DUPLICATE_KEY' },
  {
    pattern: /^TransactionContext Error: Failed to commit: (?:PRIMARY KEY|Duplicate key)/,
    code: 'DUPLICATE_KEY',
  },
  { pattern: /^TransactionContext Error: .*[Cc]onflict|^Transaction Error/, code: 'TRANSACTION_ABORTED' },
  {
    pattern: /^(?:Conversion|Invalid Input) Error: .*(?:timestamp|date|time) field value/i,
    code: 'DATETIME_INVALID',
  },
  {
    pattern: /^Conversion Error: (?:invalid (?:date|timestamp|time) field|Date )/i,
    code: 'DATETIME_INVALID',
  },
  { pattern: overflowPattern, code: 'EXPRESSION_OUT_OF_RANGE' },
  { pattern: integerResultPattern, code: 'EXPRESSION_OUT_OF_RANGE' },
  { pattern: /^(?:Conversion|Invalid Input) Error: .*out of range/i, code: 'VALUE_OUT_OF_RANGE' },
  { pattern: /^Out of Range Error/, code: 'VALUE_OUT_OF_RANGE' },
  { pattern: /^Conversion Error/, code: 'VALUE_WRONG_TYPE' },
  { pattern: /^Invalid Input Error: Malformed JSON/, code: 'JSON_INVALID' },
  { pattern: /^Invalid Input Error: More than one row returned by a subquery/, code: 'SUBQUERY_ROWS' },
  { pattern: /^IO Error: .*(?:checksum|corrupt|not a valid DuckDB database)/i, code: 'STORE_CORRUPT' },
  // For a moment, while a database is detached and attached again.
  { pattern: /^(?:Binder|Catalog) Error: Catalog "[^"]*" does not exist/, code: 'LEAF_UNAVAILABLE' },
  // A detached file stays open while a statement still reads it.
  { pattern: /^Binder Error: Unique file handle conflict/, code: 'LEAF_UNAVAILABLE' },
  { pattern: /^IO Error: Could not set lock on file/, code: 'DATA_DIR_LOCKED' },
];

/**
 * Whether the engine gave up a database after a failed write (a full disk during a checkpoint). Nothing committed is
 * lost, but every statement on it fails until the database is detached and attached again.
 */
export function isDatabaseInvalidated(error: unknown): boolean {
  return error instanceof Error && / has been invalidated/.test(error.message);
}

/** The key in a duplicate key message: `Duplicate key "id: 1" violates …` or `… violation: duplicate key "3"`. */
function duplicateKeyOf(message: string): string | undefined {
  return /duplicate key "((?:[^"]|"(?! violates|$|\n))*)"/i.exec(message)?.[1];
}

/** The first line without the `<Class> Error:` prefix and without the excerpt of generated SQL below it. */
function primaryTextOf(message: string): string {
  const line = message.split('\n', 1)[0] ?? message;
  const text = line.replace(/^(?:[A-Za-z ]+ Error: )+/, '');
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/**
 * Converts whatever DuckDB or node-api threw into a {@link MillraceError}; a MillraceError passes unchanged. Errors
 * that no rule knows (parser, binder, catalog) are INTERNAL: our own generated SQL was wrong.
 */
export function engineErrorOf(error: unknown): MillraceError {
  if (error instanceof MillraceError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const columnError = columnErrorOf(message, error);
  if (columnError !== undefined) return columnError;
  const rule = rules.find(({ pattern }) => pattern.test(message));
  if (rule === undefined) {
    return new MillraceError('INTERNAL', `engine: ${primaryTextOf(message)}`, {
      detail: message,
      cause: error,
    });
  }
  const key = rule.code === 'DUPLICATE_KEY' ? duplicateKeyOf(message) : undefined;
  if (key !== undefined)
    return new MillraceError(rule.code, `duplicate key ${quoteIdentifier(key)}`, { cause: error });
  if (rule.code === 'EXPRESSION_OUT_OF_RANGE')
    return new MillraceError(rule.code, outOfRangeText(message) ?? primaryTextOf(message), { cause: error });
  if (rule.code === 'QUERY_KILLED')
    return new MillraceError(rule.code, 'statement interrupted', { cause: error });
  return new MillraceError(rule.code, primaryTextOf(message), { cause: error });
}
