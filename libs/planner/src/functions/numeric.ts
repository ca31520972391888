import type { SqlType } from '@millrace/values/sql-type';
import { type BoundExpression, call, literal } from '../bound/bound-expression.ts';
import { asBits, asDouble, asInteger, asNumber, asValue, convertTo } from '../types/convert.ts';
import {
  bigintType,
  classOf,
  decimalShapeOf,
  decimalType,
  doubleType,
  intType,
  textTypeOf,
} from '../types/type-class.ts';
import { unifyTypes } from '../types/unify-types.ts';
import { modulo } from './operators.ts';
import {
  binary,
  type FunctionContext,
  type FunctionFamily,
  nullary,
  type ScalarFunction,
  unary,
  unaryOrBinary,
  variadic,
} from './scalar-function.ts';

/** A function of one DOUBLE; `guard` is a condition on `x` outside of which the result is NULL. */
function doubleFunction(name: string, guard?: (x: string) => string): ScalarFunction {
  return unary((a) =>
    call(
      doubleType,
      [asDouble(a)],
      ([x = '']) => (guard === undefined ? `${name}(${x})` : `CASE WHEN ${guard(x)} THEN ${name}(${x}) END`),
      guard === undefined ? {} : { nullable: true },
    ),
  );
}

const positive = (x: string) => `${x} > 0`;

function absolute(a: BoundExpression): BoundExpression {
  const number = asNumber(a);
  return classOf(number.type) === 'integer'
    ? call(
        'unsigned' in number.type && number.type.unsigned ? number.type : bigintType,
        [asInteger(number)],
        ([x]) => `abs(${x})`,
      )
    : call(number.type, [number], ([x]) => `abs(${x})`);
}

/** CEIL and FLOOR: whole numbers stay as they are, DECIMAL loses its scale. */
function wholeNumber(name: 'ceil' | 'floor'): ScalarFunction {
  return unary((a) => {
    const number = asNumber(a);
    switch (classOf(number.type)) {
      case 'integer':
        return number;
      case 'decimal': {
        const { precision, scale } = decimalShapeOf(number.type);
        return call(decimalType(precision - scale + 1, 0), [number], ([x]) => `${name}(${x})`);
      }
      default:
        return call(doubleType, [asDouble(number)], ([x]) => `${name}(${x})`);
    }
  });
}

function constantDigits(digits: BoundExpression | undefined): number | undefined {
  if (digits === undefined) return 0;
  if (digits.kind !== 'literal' || digits.value === null || digits.value instanceof Uint8Array)
    return undefined;
  return Math.max(-30, Math.min(30, Math.round(Number(digits.value))));
}

/** ROUND and TRUNCATE: the scale shrinks to a constant number of digits. */
function rounding(
  name: 'round' | 'trunc',
  a: BoundExpression,
  digits: BoundExpression | undefined,
): BoundExpression {
  const number = asNumber(a);
  const known = constantDigits(digits);
  if (known === undefined) {
    const args = [asDouble(number), asInteger(digits ?? literal(intType, 0n))];
    return call(doubleType, args, ([x, d]) => `${name}(${x}, CAST(${d} AS INTEGER))`);
  }
  if (classOf(number.type) === 'integer') {
    return known >= 0 ? number : call(bigintType, [asInteger(number)], ([x]) => `${name}(${x}, ${known})`);
  }
  return call(roundedType(number.type, known), [number], ([x]) => `${name}(${x}, ${known})`);
}

function roundedType(type: SqlType, digits: number): SqlType {
  if (type.kind !== 'decimal') return doubleType;
  const scale = Math.max(0, Math.min(type.scale, digits));
  return decimalType(type.precision - type.scale + scale + 1, scale);
}

function logarithm(a: BoundExpression, b: BoundExpression | undefined): BoundExpression {
  if (b === undefined) {
    return call(doubleType, [asDouble(a)], ([x]) => `CASE WHEN ${x} > 0 THEN ln(${x}) END`, {
      nullable: true,
    });
  }
  return call(
    doubleType,
    [asDouble(a), asDouble(b)],
    ([base, x]) => `CASE WHEN ${base} > 0 AND ${base} <> 1 AND ${x} > 0 THEN ln(${x}) / ln(${base}) END`,
    { nullable: true },
  );
}

/** GREATEST and LEAST: NULL as soon as one argument is. */
function extreme(name: 'greatest' | 'least'): ScalarFunction {
  return variadic(2, (args) => {
    const values = args.map(asValue);
    const type = unifyTypes(values.map((value) => value.type));
    const converted = values.map((value) => convertTo(value, type));
    return call(type, converted, (sql) => {
      const present = sql.map((x) => `${x} IS NOT NULL`).join(' AND ');
      return `CASE WHEN ${present} THEN ${name}(${sql.join(', ')}) END`;
    });
  });
}

/** One value for each row, or one for the statement where it may be replayed. A seed is ignored. */
function randomNumber(context: FunctionContext): BoundExpression {
  return context.replayed
    ? literal(doubleType, context.session.random())
    : call(doubleType, [], () => 'random()', { nullable: false });
}

/** FORMAT(x, digits): with commas between thousands. */
function grouped(a: BoundExpression, digits: BoundExpression): BoundExpression {
  const known = Math.max(0, constantDigits(digits) ?? 0);
  return call(textTypeOf(64), [asDouble(a)], ([x]) => `format('{:,.${known}f}', ${x})`);
}

export const numericFunctions: FunctionFamily = {
  ABS: unary(absolute),
  CEIL: wholeNumber('ceil'),
  CEILING: wholeNumber('ceil'),
  FLOOR: wholeNumber('floor'),
  ROUND: unaryOrBinary((a, digits) => rounding('round', a, digits)),
  TRUNCATE: binary((a, digits) => rounding('trunc', a, digits)),
  MOD: binary(modulo),
  POW: binary((a, b) => call(doubleType, [asDouble(a), asDouble(b)], ([x, y]) => `pow(${x}, ${y})`)),
  POWER: binary((a, b) => call(doubleType, [asDouble(a), asDouble(b)], ([x, y]) => `pow(${x}, ${y})`)),
  SQRT: doubleFunction('sqrt', (x) => `${x} >= 0`),
  EXP: doubleFunction('exp'),
  LN: doubleFunction('ln', positive),
  LOG: unaryOrBinary(logarithm),
  LOG2: doubleFunction('log2', positive),
  LOG10: doubleFunction('log10', positive),
  SIN: doubleFunction('sin'),
  COS: doubleFunction('cos'),
  TAN: doubleFunction('tan'),
  ASIN: doubleFunction('asin', (x) => `abs(${x}) <= 1`),
  ACOS: doubleFunction('acos', (x) => `abs(${x}) <= 1`),
  ATAN: unaryOrBinary((a, b) =>
    b === undefined
      ? call(doubleType, [asDouble(a)], ([x]) => `atan(${x})`)
      : call(doubleType, [asDouble(a), asDouble(b)], ([y, x]) => `atan2(${y}, ${x})`),
  ),
  ATAN2: binary((a, b) => call(doubleType, [asDouble(a), asDouble(b)], ([y, x]) => `atan2(${y}, ${x})`)),
  RADIANS: doubleFunction('radians'),
  DEGREES: doubleFunction('degrees'),
  PI: nullary(() => literal(doubleType, Math.PI)),
  FORMAT: binary(grouped),
  SIGN: unary((a) => call(intType, [asNumber(a)], ([x]) => `sign(${x})`)),
  GREATEST: extreme('greatest'),
  LEAST: extreme('least'),
  BIT_COUNT: unary((a) => call(intType, [asBits(a)], ([x]) => `bit_count(${x})`)),
  RAND: { argumentsMin: 0, argumentsMax: 1, bind: (_args, context) => randomNumber(context) },
};
