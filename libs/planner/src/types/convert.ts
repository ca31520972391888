import { duckdbTypeOf } from '@millrace/values/duckdb-type-of';
import type { SqlType } from '@millrace/values/sql-type';
import { type BoundExpression, call, isPredicate, literal } from '../bound/bound-expression.ts';
import { canonicalDate, canonicalDatetime, canonicalTime } from './calendar-text.ts';
import {
  bigintType,
  bigintUnsignedType,
  classOf,
  dateType,
  datetime6Type,
  decimalShapeOf,
  decimalType,
  doubleType,
  intType,
  longblobType,
  textLengthOf,
  textTypeOf,
  time6Type,
} from './type-class.ts';

/**
 * MySQL's conversions between types as explicit calls. None of them fails on a value that MySQL would accept with a
 * warning: text without a leading number is 0, text that is no date is NULL.
 */

/** The integers 0 and 1 for a predicate; anything else unchanged. */
export function asValue(expression: BoundExpression): BoundExpression {
  return isPredicate(expression) ? call(intType, [expression], ([x]) => `CAST(${x} AS INTEGER)`) : expression;
}

function cast(expression: BoundExpression, type: SqlType, duckdbType = duckdbTypeOf(type)): BoundExpression {
  return call(type, [expression], ([x]) => `CAST(${x} AS ${duckdbType})`);
}

/** A number as a number of another type: rounding keeps the order. */
function castNumber(number: BoundExpression, type: SqlType): BoundExpression {
  return call(type, [number], ([x]) => `CAST(${x} AS ${duckdbTypeOf(type)})`, { operator: 'ascending' });
}

/** A DuckDB BOOLEAN: numbers are true when they are not 0. */
export function asPredicate(expression: BoundExpression): BoundExpression {
  if (isPredicate(expression)) return expression;
  if (expression.kind === 'literal' && expression.value === null) {
    return call(intType, [], () => 'CAST(NULL AS BOOLEAN)', { predicate: true, nullable: true });
  }
  if (expression.kind === 'literal' && typeof expression.value === 'bigint') {
    const truth = expression.value === 0n ? 'FALSE' : 'TRUE';
    return call(intType, [], () => truth, { predicate: true });
  }
  return call(intType, [asNumber(expression)], ([x]) => `(${x} <> 0)`, { predicate: true });
}

const leadingNumber = String.raw`^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?`;

/** A number of its own type; text as DOUBLE, dates as the digits YYYYMMDD[hhmmss]. */
export function asNumber(expression: BoundExpression): BoundExpression {
  if (isPredicate(expression)) return asValue(expression);
  switch (classOf(expression.type)) {
    case 'integer':
    case 'decimal':
    case 'double':
      return expression;
    case 'null':
      return cast(expression, doubleType);
    case 'text':
    case 'json':
      return call(
        doubleType,
        [expression],
        ([x]) =>
          `coalesce(TRY_CAST(${x} AS DOUBLE), CASE regexp_extract(${x}, '${leadingNumber}') WHEN '' THEN 0 ELSE CAST(regexp_extract(${x}, '${leadingNumber}') AS DOUBLE) END)`,
      );
    case 'blob':
      return asNumber(asText(expression));
    case 'date':
      return call(bigintType, [expression], ([x]) => `CAST(strftime(${x}, '%Y%m%d') AS BIGINT)`);
    case 'datetime':
      return 'fraction' in expression.type && expression.type.fraction === 6
        ? call(
            decimalType(20, 6),
            [expression],
            ([x]) => `CAST(strftime(${x}, '%Y%m%d%H%M%S.%f') AS DECIMAL(20,6))`,
          )
        : call(bigintType, [expression], ([x]) => `CAST(strftime(${x}, '%Y%m%d%H%M%S') AS BIGINT)`);
    case 'time':
      return call(
        bigintType,
        [expression],
        ([x]) => `CAST(strftime(DATE '1970-01-01' + ${x}, '%H%M%S') AS BIGINT)`,
      );
  }
}

export function asDouble(expression: BoundExpression): BoundExpression {
  const number = asNumber(expression);
  if (number.type.kind === 'double') return number;
  if (number.kind === 'literal' && number.value !== null) return literal(doubleType, Number(number.value));
  return castNumber(number, doubleType);
}

/** BIGINT (or BIGINT UNSIGNED when it is one); fractions are rounded. */
export function asInteger(expression: BoundExpression): BoundExpression {
  const number = asNumber(expression);
  if (classOf(number.type) === 'integer') {
    return number.type.kind === 'bigint' && number.kind !== 'literal'
      ? number
      : cast(number, number.type.kind === 'bigint' ? number.type : bigintType);
  }
  return cast(number, bigintType);
}

/** 64 bits as MySQL's bit operators see a number: BIGINT UNSIGNED, negative numbers in two's complement. */
export function asBits(expression: BoundExpression): BoundExpression {
  const integer = asInteger(expression);
  if ('unsigned' in integer.type && integer.type.unsigned) return integer;
  return call(
    bigintUnsignedType,
    [integer],
    ([x]) =>
      `CAST(CASE WHEN ${x} < 0 THEN CAST(${x} AS HUGEINT) + 18446744073709551616 ELSE ${x} END AS UBIGINT)`,
  );
}

export function asDecimal(expression: BoundExpression, precision: number, scale: number): BoundExpression {
  const number = asNumber(expression);
  const type = decimalType(precision, scale);
  if (number.type.kind === 'decimal' && number.kind !== 'literal') {
    const shape = decimalShapeOf(number.type);
    if (shape.precision === precision && shape.scale === scale) return number;
  }
  return castNumber(number, type);
}

/** VARCHAR as MySQL prints the value; BLOB bytes are taken for UTF-8. */
export function asText(expression: BoundExpression): BoundExpression {
  const value = asValue(expression);
  switch (classOf(value.type)) {
    case 'text':
    case 'json':
      return value;
    case 'null':
      return cast(value, textTypeOf(0));
    case 'blob':
      return call(textTypeOf(textLengthOf(value.type)), [value], ([x]) => `decode(${x})`);
    case 'double': {
      const type = textTypeOf(24);
      return call(
        type,
        [value],
        ([x]) =>
          `CASE WHEN ${x} = trunc(${x}) AND abs(${x}) < 1e15 THEN CAST(CAST(${x} AS BIGINT) AS VARCHAR) ELSE replace(CAST(${x} AS VARCHAR), 'e+', 'e') END`,
      );
    }
    case 'datetime':
    case 'time': {
      const six = 'fraction' in value.type && value.type.fraction === 6;
      const base =
        classOf(value.type) === 'time' ? (x: string | undefined) => `DATE '1970-01-01' + ${x}` : identity;
      const format = `${classOf(value.type) === 'time' ? '' : '%Y-%m-%d '}%H:%M:%S${six ? '.%f' : ''}`;
      return call(
        textTypeOf(textLengthOf(value.type)),
        [value],
        ([x]) => `strftime(${base(x)}, '${format}')`,
      );
    }
    case 'integer':
    case 'decimal':
    case 'date':
      return cast(value, textTypeOf(textLengthOf(value.type)), 'VARCHAR');
  }
}

function identity(x: string | undefined): string | undefined {
  return x;
}

export function asBlob(expression: BoundExpression): BoundExpression {
  if (classOf(expression.type) === 'blob') return expression;
  return call(longblobType, [asText(expression)], ([x]) => `encode(${x})`);
}

const compactFormats = "['%Y%m%d%H%M%S', '%Y%m%d', '%y%m%d']";

/** TIMESTAMP; what is no date is NULL. */
export function asDatetime(expression: BoundExpression): BoundExpression {
  const value = asValue(expression);
  switch (classOf(value.type)) {
    case 'datetime':
      return value;
    case 'date':
      return call(datetime6Type, [value], ([x]) => `CAST(${x} AS TIMESTAMP)`, { operator: 'ascending' });
    case 'text':
    case 'json': {
      const canonical = value.kind === 'literal' ? canonicalDatetime(String(value.value)) : undefined;
      if (canonical !== undefined) return literal(datetime6Type, canonical);
      return call(
        datetime6Type,
        [value],
        ([x]) => `coalesce(TRY_CAST(${x} AS TIMESTAMP), try_strptime(${x}, ${compactFormats}))`,
        { nullable: true },
      );
    }
    case 'integer':
    case 'decimal':
    case 'double':
      return call(
        datetime6Type,
        [value],
        ([x]) => `try_strptime(CAST(TRY_CAST(${x} AS BIGINT) AS VARCHAR), ${compactFormats})`,
        { nullable: true },
      );
    case 'blob':
      return asDatetime(asText(value));
    case 'time':
    case 'null':
      return call(datetime6Type, [], () => 'CAST(NULL AS TIMESTAMP)', { nullable: true });
  }
}

export function asDate(expression: BoundExpression): BoundExpression {
  if (classOf(expression.type) === 'date') return expression;
  const canonical =
    expression.kind === 'literal' && typeof expression.value === 'string'
      ? canonicalDate(expression.value)
      : undefined;
  if (canonical !== undefined) return literal(dateType, canonical);
  return cast(asDatetime(expression), dateType);
}

export function asTime(expression: BoundExpression): BoundExpression {
  const value = asValue(expression);
  switch (classOf(value.type)) {
    case 'time':
      return value;
    case 'date':
    case 'datetime':
      return call(time6Type, [asDatetime(value)], ([x]) => `CAST(${x} AS TIME)`);
    default: {
      const canonical = value.kind === 'literal' ? canonicalTime(String(value.value)) : undefined;
      if (canonical !== undefined) return literal(time6Type, canonical);
      return call(
        time6Type,
        [asText(value)],
        ([x]) => `coalesce(TRY_CAST(${x} AS TIME), CAST(TRY_CAST(${x} AS TIMESTAMP) AS TIME))`,
        { nullable: true },
      );
    }
  }
}

/** The expression as a value of a type, so that its DuckDB type is exactly the type's. */
export function convertTo(expression: BoundExpression, type: SqlType): BoundExpression {
  const value = asValue(expression);
  if (hasExactly(value, type)) return value;
  const target = duckdbTypeOf(type);
  switch (classOf(type)) {
    case 'integer':
    case 'decimal':
    case 'double':
      return cast(asNumber(value), type, target);
    case 'text':
    case 'json': {
      const text = asText(value);
      return text === value && value.kind !== 'literal' ? retype(value, type) : cast(text, type, target);
    }
    case 'blob':
      return classOf(value.type) === 'null' ? cast(value, type, target) : retype(asBlob(value), type);
    case 'date':
      return retype(asDate(value), type);
    case 'datetime':
      return roundSeconds(asDatetime(value), type);
    case 'time':
      return retype(asTime(value), type);
    case 'null':
      return cast(value, type, 'VARCHAR');
  }
}

/** Only columns are sure to have exactly the DuckDB type of their SQL type. */
function hasExactly(value: BoundExpression, type: SqlType): boolean {
  if (value.kind !== 'column' || value.type.kind !== type.kind) return false;
  if (type.kind === 'decimal' || 'unsigned' in type) return duckdbTypeOf(value.type) === duckdbTypeOf(type);
  return !('fraction' in type) || ('fraction' in value.type && value.type.fraction <= type.fraction);
}

function retype(expression: BoundExpression, type: SqlType): BoundExpression {
  return call(type, [expression], ([x]) => x ?? 'NULL');
}

function roundSeconds(expression: BoundExpression, type: SqlType): BoundExpression {
  const fraction = 'fraction' in type ? type.fraction : 6;
  const has = 'fraction' in expression.type ? expression.type.fraction : 0;
  if (fraction === 6 || has === 0) return retype(expression, type);
  return call(type, [expression], ([x]) => `date_trunc('second', ${x} + INTERVAL 500 MILLISECOND)`);
}
