import type { SqlType } from '@millrace/values/sql-type';
import { type BoundExpression, type BoundLiteral, call, literal } from '../bound/bound-expression.ts';
import { canonicalDate } from './calendar-text.ts';
import { asBlob, asDatetime, asDecimal, asDouble, asNumber, asText, asTime, asValue } from './convert.ts';
import {
  bigintType,
  classOf,
  dateType,
  datetime6Type,
  decimalPrecisionMax,
  decimalShapeOf,
  doubleType,
  intType,
  isTemporal,
  longblobType,
  longtextType,
  type TypeClass,
  time6Type,
} from './type-class.ts';

export type ComparisonSql = '=' | '<>' | '<' | '<=' | '>' | '>=' | 'IS NOT DISTINCT FROM';

/** Both sides converted to what MySQL compares them as. */
export type ComparablePair = readonly [BoundExpression, BoundExpression];

/**
 * Converts two values to comparable ones: text with text as text, numbers with text as DOUBLE, dates with text as dates.
 * Constants are converted here where that changes nothing, so that `id = '5'` stays a comparison of integers that an
 * index or the shard key can serve.
 */
export function comparable(leftGiven: BoundExpression, rightGiven: BoundExpression): ComparablePair {
  const left = refineConstant(asValue(leftGiven), asValue(rightGiven).type);
  const right = refineConstant(asValue(rightGiven), left.type);
  const leftClass = classOf(left.type);
  const rightClass = classOf(right.type);
  if (leftClass === 'null' || rightClass === 'null') return [left, right];
  const convert = conversionFor(left, right, leftClass, rightClass);
  return [convert(left), convert(right)];
}

type Conversion = (expression: BoundExpression) => BoundExpression;

function conversionFor(
  left: BoundExpression,
  right: BoundExpression,
  leftClass: TypeClass,
  rightClass: TypeClass,
): Conversion {
  const has = (typeClass: TypeClass) => leftClass === typeClass || rightClass === typeClass;
  if (isTemporal(left.type) || isTemporal(right.type)) return temporalConversion(left, right, has);
  if (has('integer') || has('decimal') || has('double')) return numberConversion(left, right, has);
  if (has('blob')) return asBlob;
  return asText;
}

function temporalConversion(
  left: BoundExpression,
  right: BoundExpression,
  has: (typeClass: TypeClass) => boolean,
): Conversion {
  if (has('integer') || has('decimal') || has('double'))
    return numberConversion(asNumber(left), asNumber(right), has);
  if (has('time'))
    return isTemporal(left.type) && isTemporal(right.type) && (has('date') || has('datetime'))
      ? asText
      : asTime;
  if (classOf(left.type) === 'date' && classOf(right.type) === 'date') return (expression) => expression;
  return asDatetime;
}

function numberConversion(
  left: BoundExpression,
  right: BoundExpression,
  has: (typeClass: TypeClass) => boolean,
): Conversion {
  if (has('double') || has('text') || has('json') || has('blob')) return asDouble;
  const a = decimalShapeOf(asNumber(left).type);
  const b = decimalShapeOf(asNumber(right).type);
  const scale = Math.max(a.scale, b.scale);
  if (scale === 0) return asNumber;
  const precision = Math.max(a.precision - a.scale, b.precision - b.scale) + scale;
  return precision > decimalPrecisionMax ? asDouble : (expression) => asDecimal(expression, precision, scale);
}

const integerText = /^\s*[-+]?\d{1,18}\s*$/;

/** A constant in the form of the type it is compared with, when that is the same comparison. */
function refineConstant(expression: BoundExpression, other: SqlType): BoundExpression {
  if (expression.kind !== 'literal' || expression.value === null) return expression;
  const { value } = expression;
  switch (classOf(other)) {
    case 'integer':
      return integralConstant(expression) ?? expression;
    case 'date': {
      const date =
        typeof value === 'string' && classOf(expression.type) === 'text' ? canonicalDate(value) : undefined;
      return date === undefined ? expression : literal(dateType, date);
    }
    case 'double':
      return classOf(expression.type) === 'integer' || classOf(expression.type) === 'decimal'
        ? asDouble(expression)
        : expression;
    default:
      return expression;
  }
}

/** The constant as an integer when it is one: `'5'`, `5.0`, `5e0`. */
function integralConstant({ type, value }: BoundLiteral): BoundLiteral | undefined {
  switch (classOf(type)) {
    case 'text':
      return typeof value === 'string' && integerText.test(value)
        ? literal(bigintType, BigInt(value.trim()))
        : undefined;
    case 'decimal': {
      const whole = typeof value === 'string' ? /^(-?\d{1,18})(?:\.0*)?$/.exec(value)?.[1] : undefined;
      return whole === undefined ? undefined : literal(bigintType, BigInt(whole));
    }
    case 'double':
      return typeof value === 'number' && Number.isSafeInteger(value)
        ? literal(bigintType, BigInt(value))
        : undefined;
    default:
      return undefined;
  }
}

/** A comparison as a predicate. */
export function compare(
  operator: ComparisonSql,
  left: BoundExpression,
  right: BoundExpression,
): BoundExpression {
  const pair = comparable(left, right);
  return call(intType, pair, ([a, b]) => `(${a} ${operator} ${b})`, {
    predicate: true,
    ...(operator === '<>' || operator === 'IS NOT DISTINCT FROM' ? {} : { operator }),
    ...(operator === 'IS NOT DISTINCT FROM' ? { nullable: false } : {}),
  });
}

export function conjunction(predicates: readonly BoundExpression[]): BoundExpression {
  return junction('AND', predicates);
}

export function disjunction(predicates: readonly BoundExpression[]): BoundExpression {
  return junction('OR', predicates);
}

function junction(word: 'AND' | 'OR', predicates: readonly BoundExpression[]): BoundExpression {
  const [first] = predicates;
  if (first !== undefined && predicates.length === 1) return first;
  return call(intType, predicates, (args) => `(${args.join(` ${word} `)})`, {
    predicate: true,
    ...(word === 'AND' ? { operator: 'and' as const } : {}),
  });
}

export function negation(predicate: BoundExpression): BoundExpression {
  return call(intType, [predicate], ([x]) => `(NOT ${x})`, { predicate: true });
}

/** `operand IN (items)`. */
export function inList(operand: BoundExpression, items: readonly BoundExpression[]): BoundExpression {
  const pairs = items.map((item) => comparable(operand, item));
  const [first] = pairs;
  const sameOperand =
    first !== undefined &&
    pairs.every(([left]) => left === first[0]) &&
    new Set(pairs.map(([, right]) => classOf(right.type)).filter((typeClass) => typeClass !== 'null')).size <=
      1;
  if (first === undefined || !sameOperand)
    return disjunction(items.map((item) => compare('=', operand, item)));
  const args = [first[0], ...pairs.map(([, right]) => right)];
  return call(intType, args, ([x, ...list]) => `(${x} IN (${list.join(', ')}))`, {
    predicate: true,
    operator: 'in',
  });
}

/** The type that a subquery's column and the operand of IN, ANY, ALL are both converted to; undefined: none needed. */
export function comparisonType(left: SqlType, right: SqlType): SqlType | undefined {
  const leftClass = classOf(left);
  const rightClass = classOf(right);
  const has = (typeClass: TypeClass) => leftClass === typeClass || rightClass === typeClass;
  if (has('null')) return leftClass === rightClass ? longtextType : leftClass === 'null' ? right : left;
  if (leftClass === rightClass)
    return left.kind === right.kind && leftClass !== 'decimal' ? undefined : sameClass(left, right);
  if (isTemporal(left) || isTemporal(right)) {
    if (has('integer') || has('decimal') || has('double')) return doubleType;
    return has('time') ? (has('text') || has('json') ? time6Type : longtextType) : datetime6Type;
  }
  if (has('integer') || has('decimal') || has('double')) {
    return has('decimal') && has('integer') ? undefined : doubleType;
  }
  return has('blob') ? longblobType : longtextType;
}

function sameClass(left: SqlType, right: SqlType): SqlType | undefined {
  return classOf(left) === 'double' && left.kind !== right.kind ? doubleType : undefined;
}
