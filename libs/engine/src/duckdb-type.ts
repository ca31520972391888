import { type DuckDBType, DuckDBTypeId } from '@duckdb/node-api';
import { MillraceError } from '@millrace/errors/millrace-error';
import { duckdbTypeOf } from '@millrace/values/duckdb-type-of';
import { blobBytesMax, type PhysicalKind, type SqlType, textBytesMax } from '@millrace/values/sql-type';
import { raiseColumnError } from './duckdb-error.ts';

const physicalTypes: Record<PhysicalKind, string> = {
  int64: 'BIGINT',
  uint64: 'UBIGINT',
  double: 'DOUBLE',
  text: 'VARCHAR',
  blob: 'BLOB',
};

/** The DuckDB type that holds the values of a batch column as they are, before any cast to the SQL type. */
export function duckdbPhysicalTypeOf(kind: PhysicalKind): string {
  return physicalTypes[kind];
}

/**
 * The SQL type of a result column. HUGEINT (the type of SUM over integers) is DECIMAL(38,0), BOOLEAN is BOOL, strings
 * are LONGTEXT because a result does not know a length. Throws SQL_UNSUPPORTED for nested and other types that the
 * dialect does not have.
 */
export function sqlTypeOf(type: DuckDBType): SqlType {
  switch (type.typeId) {
    case DuckDBTypeId.BOOLEAN:
      return { kind: 'bool' };
    case DuckDBTypeId.TINYINT:
      return { kind: 'tinyint', unsigned: false };
    case DuckDBTypeId.SMALLINT:
      return { kind: 'smallint', unsigned: false };
    case DuckDBTypeId.INTEGER:
      return { kind: 'int', unsigned: false };
    case DuckDBTypeId.BIGINT:
      return { kind: 'bigint', unsigned: false };
    case DuckDBTypeId.UTINYINT:
      return { kind: 'tinyint', unsigned: true };
    case DuckDBTypeId.USMALLINT:
      return { kind: 'smallint', unsigned: true };
    case DuckDBTypeId.UINTEGER:
      return { kind: 'int', unsigned: true };
    case DuckDBTypeId.UBIGINT:
      return { kind: 'bigint', unsigned: true };
    case DuckDBTypeId.HUGEINT:
    case DuckDBTypeId.UHUGEINT:
      return { kind: 'decimal', precision: 38, scale: 0 };
    case DuckDBTypeId.FLOAT:
      return { kind: 'float' };
    case DuckDBTypeId.DOUBLE:
      return { kind: 'double' };
    case DuckDBTypeId.DECIMAL:
      return { kind: 'decimal', precision: type.width, scale: type.scale };
    case DuckDBTypeId.VARCHAR:
      return type.alias === 'JSON' ? { kind: 'json' } : { kind: 'longtext' };
    case DuckDBTypeId.BLOB:
      return { kind: 'longblob' };
    case DuckDBTypeId.DATE:
      return { kind: 'date' };
    case DuckDBTypeId.TIME:
      return { kind: 'time', fraction: 6 };
    case DuckDBTypeId.TIMESTAMP:
    case DuckDBTypeId.TIMESTAMP_S:
    case DuckDBTypeId.TIMESTAMP_MS:
    case DuckDBTypeId.TIMESTAMP_NS:
    case DuckDBTypeId.TIMESTAMP_TZ:
      return { kind: 'datetime', fraction: 6 };
    case DuckDBTypeId.SQLNULL:
      return { kind: 'null' };
    default:
      throw new MillraceError(
        'SQL_UNSUPPORTED',
        `a result column of engine type ${type.toString()} is not supported`,
      );
  }
}

/** What {@link checkedValueExpression} needs to know of a column. */
export interface CheckedColumn {
  readonly name: string;
  readonly type: SqlType;
  readonly nullable: boolean;
}

/**
 * A DuckDB expression that converts `expression` to the column's stored type and enforces what DuckDB's types do not:
 * character and byte lengths, the MEDIUMINT range, finite numbers and dates, JSON validity (stored minified), NOT NULL.
 * A value that does not fit raises a MillraceError that names column and value (see `raiseColumnError`):
 * VALUE_WRONG_TYPE, VALUE_OUT_OF_RANGE, VALUE_TOO_LONG, DATETIME_INVALID, JSON_INVALID, NOT_NULL.
 *
 * `expression` may have any type that casts to the stored one; for binary columns it must be BLOB already (DuckDB reads
 * escapes when it casts text to BLOB; use `encode(text)`). It is repeated, so pass a column reference, not a computation.
 */
export function checkedValueExpression(column: CheckedColumn, expression: string): string {
  const checked = checkedByType(column, expression);
  return column.nullable
    ? checked
    : `CASE WHEN ${expression} IS NULL THEN ${raiseColumnError('NOT_NULL', column.name)} ELSE ${checked} END`;
}

function checkedByType({ name, type }: CheckedColumn, expression: string): string {
  switch (type.kind) {
    case 'mediumint': {
      const integer = numberOrError(name, type, expression);
      const [low, high] = type.unsigned ? [0, 16_777_215] : [-8_388_608, 8_388_607];
      const raise = raiseColumnError('VALUE_OUT_OF_RANGE', name, expression);
      return `CASE WHEN TRY_CAST(${expression} AS BIGINT) NOT BETWEEN ${low} AND ${high} THEN ${raise} ELSE ${integer} END`;
    }
    case 'bool':
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'bigint':
    case 'decimal':
      return numberOrError(name, type, expression);
    case 'float':
    case 'double': {
      const raise = raiseColumnError('VALUE_OUT_OF_RANGE', name, expression);
      const finite = `NOT isfinite(TRY_CAST(${expression} AS ${duckdbTypeOf(type)}))`;
      return `CASE WHEN ${finite} THEN ${raise} ELSE ${numberOrError(name, type, expression)} END`;
    }
    // As in MySQL, CHAR has no blanks at its end, and blanks that a VARCHAR has no room for go without an error.
    case 'char':
    case 'varchar': {
      const text = `CAST(${expression} AS VARCHAR)`;
      const kept = type.kind === 'char' ? `rtrim(${text}, ' ')` : text;
      // The byte length comes first: it costs nothing and is enough for nearly every value.
      const long = `strlen(${kept}) > ${type.length} AND length(${kept}) > ${type.length}`;
      const raise = raiseColumnError('VALUE_TOO_LONG', name, expression);
      const cut = `CASE WHEN length(rtrim(${text}, ' ')) > ${type.length} THEN ${raise} ELSE left(${text}, ${type.length}) END`;
      return `CASE WHEN ${long} THEN ${cut} ELSE ${kept} END`;
    }
    case 'tinytext':
    case 'text':
    case 'mediumtext':
    case 'longtext': {
      const text = `CAST(${expression} AS VARCHAR)`;
      const raise = raiseColumnError('VALUE_TOO_LONG', name, expression);
      return `CASE WHEN strlen(${text}) > ${textBytesMax[type.kind]} THEN ${raise} ELSE ${text} END`;
    }
    case 'binary': {
      const bytes = blobOrError(name, type.length, expression);
      const missing = `${type.length} - octet_length(CAST(${expression} AS BLOB))`;
      return `(${bytes}) || repeat('\\x00'::BLOB, ${missing})`;
    }
    case 'varbinary':
      return blobOrError(name, type.length, expression);
    case 'tinyblob':
    case 'blob':
    case 'mediumblob':
    case 'longblob':
      return blobOrError(name, blobBytesMax[type.kind], expression);
    case 'date':
    case 'time':
    case 'datetime':
    case 'timestamp':
      return timeOrError(name, type, expression);
    case 'json': {
      const text = `CAST(${expression} AS VARCHAR)`;
      const raise = raiseColumnError('JSON_INVALID', name, expression);
      return `CASE WHEN NOT json_valid(${text}) THEN ${raise} ELSE CAST(json(${text}) AS VARCHAR) END`;
    }
    case 'null':
      return 'NULL';
  }
}

function numberOrError(name: string, type: SqlType, expression: string): string {
  const wrongType = raiseColumnError('VALUE_WRONG_TYPE', name, expression);
  const outOfRange = raiseColumnError('VALUE_OUT_OF_RANGE', name, expression);
  return (
    `coalesce(TRY_CAST(${expression} AS ${duckdbTypeOf(type)}), CASE WHEN ${expression} IS NOT NULL THEN ` +
    `CASE WHEN TRY_CAST(${expression} AS DOUBLE) IS NULL THEN ${wrongType} ELSE ${outOfRange} END END)`
  );
}

function blobOrError(name: string, bytesMax: number, expression: string): string {
  const raise = raiseColumnError('VALUE_TOO_LONG', name, expression);
  // The cast is for a column of nothing but NULL, which DuckDB takes for text; texts were made BLOBs before.
  const bytes = `CAST(${expression} AS BLOB)`;
  return `CASE WHEN octet_length(${bytes}) > ${bytesMax} THEN ${raise} ELSE ${bytes} END`;
}

/** `20260131` and `20260131101112`, as texts or numbers. */
function compactTime(expression: string, type: SqlType): string {
  const text = `CAST(${expression} AS VARCHAR)`;
  const digits = `regexp_full_match(${text}, '[0-9]{8}([0-9]{6})?')`;
  return `CASE WHEN ${digits} THEN CAST(try_strptime(${text}, ['%Y%m%d%H%M%S', '%Y%m%d']) AS ${duckdbTypeOf(type)}) END`;
}

function timeOrError(
  name: string,
  type: Extract<SqlType, { kind: 'date' | 'time' | 'datetime' | 'timestamp' }>,
  expression: string,
): string {
  const plain = `TRY_CAST(${expression} AS ${duckdbTypeOf(type)})`;
  const cast = type.kind === 'time' ? plain : `coalesce(${plain}, ${compactTime(expression, type)})`;
  const raise = raiseColumnError('DATETIME_INVALID', name, expression);
  const invalid = type.kind === 'time' ? `${cast} IS NULL` : `(${cast} IS NULL OR NOT isfinite(${cast}))`;
  // MySQL rounds to the declared precision; our fractions are 0 or 6 digits and the engine keeps 6.
  const rounded =
    type.kind === 'date' || type.fraction === 6
      ? cast
      : type.kind === 'time'
        ? `CAST(date_trunc('second', DATE '1970-01-01' + ${cast} + INTERVAL 500 MILLISECOND) AS TIME)`
        : `date_trunc('second', ${cast} + INTERVAL 500 MILLISECOND)`;
  return `CASE WHEN ${expression} IS NOT NULL AND ${invalid} THEN ${raise} ELSE ${rounded} END`;
}
