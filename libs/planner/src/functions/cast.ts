import { duckdbTypeOf } from '@millrace/values/duckdb-type-of';
import type { SqlType } from '@millrace/values/sql-type';
import { type BoundExpression, call } from '../bound/bound-expression.ts';
import {
  asBits,
  asBlob,
  asDate,
  asDatetime,
  asInteger,
  asText,
  asTime,
  asValue,
  convertTo,
} from '../types/convert.ts';
import { classOf } from '../types/type-class.ts';

/** CAST and CONVERT: as lenient as MySQL's. */
export function castTo(operand: BoundExpression, type: SqlType): BoundExpression {
  switch (type.kind) {
    case 'bigint':
      return type.unsigned ? asBits(operand) : signed(operand);
    case 'char':
    case 'varchar':
      return call(type, [asText(operand)], ([x]) => `left(${x}, ${type.length})`);
    case 'binary':
    case 'varbinary':
      return call(type, [asBlob(operand)], ([x]) => `from_hex(left(hex(${x}), ${2 * type.length}))`);
    case 'json':
      return call(type, [asText(operand)], ([x]) => `CAST(json(${x}) AS VARCHAR)`);
    default:
      return convertTo(operand, type);
  }
}

function signed(operand: BoundExpression): BoundExpression {
  const integer = asInteger(operand);
  if (!('unsigned' in integer.type && integer.type.unsigned)) return integer;
  return call(
    { kind: 'bigint', unsigned: false },
    [integer],
    ([x]) =>
      `CAST(CASE WHEN ${x} > 9223372036854775807 THEN CAST(${x} AS HUGEINT) - 18446744073709551616 ELSE ${x} END AS BIGINT)`,
  );
}

/** `:>`: text that is no value of the type is an error, as it would be in an assignment. */
export function strictCastTo(operand: BoundExpression, type: SqlType): BoundExpression {
  const value = asValue(operand);
  const targetClass = classOf(type);
  const fromText = classOf(value.type) === 'text' || classOf(value.type) === 'json';
  const plain = targetClass === 'integer' || targetClass === 'decimal' || targetClass === 'double';
  if (
    !fromText ||
    !(plain || targetClass === 'date' || targetClass === 'datetime' || targetClass === 'time')
  ) {
    return type.kind === 'bigint' ? convertTo(value, type) : castTo(value, type);
  }
  return call(type, [value], ([x]) => `CAST(${x} AS ${duckdbTypeOf(type)})`);
}

/** `!:>`: what cannot be converted is the default value of the type, 0 or empty; NULL for dates. */
export function tryCastTo(operand: BoundExpression, type: SqlType): BoundExpression {
  const value = asValue(operand);
  const duckdbType = duckdbTypeOf(type);
  switch (classOf(type)) {
    case 'integer':
    case 'decimal':
    case 'double':
      return call(
        type,
        [classOf(value.type) === 'text' || classOf(value.type) === 'json' ? value : convertNumber(value)],
        ([x]) =>
          `coalesce(TRY_CAST(${x} AS ${duckdbType}), CASE WHEN ${x} IS NOT NULL THEN CAST(0 AS ${duckdbType}) END)`,
      );
    case 'date':
      return asDate(value);
    case 'datetime':
      return convertTo(asDatetime(value), type);
    case 'time':
      return asTime(value);
    case 'json':
      return call(
        type,
        [asText(value)],
        ([x]) => `CASE WHEN json_valid(${x}) THEN CAST(json(${x}) AS VARCHAR) END`,
        {
          nullable: true,
        },
      );
    default:
      return castTo(value, type);
  }
}

function convertNumber(value: BoundExpression): BoundExpression {
  return classOf(value.type) === 'blob'
    ? asText(value)
    : classOf(value.type) === 'integer'
      ? value
      : numeric(value);
}

function numeric(value: BoundExpression): BoundExpression {
  const valueClass = classOf(value.type);
  return valueClass === 'decimal' || valueClass === 'double' ? value : asInteger(value);
}
