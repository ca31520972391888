import { type BoundExpression, call, literal } from '../bound/bound-expression.ts';
import { asBits, asDecimal, asDouble, asInteger, asNumber } from '../types/convert.ts';
import {
  bigintType,
  bigintUnsignedType,
  classOf,
  type DecimalShape,
  decimalPrecisionMax,
  decimalShapeOf,
  decimalType,
  doubleType,
} from '../types/type-class.ts';

/** Digits that a division adds after the point of the dividend (`div_precision_increment`). */
const divisionScaleIncrement = 4;

function isInteger(expression: BoundExpression): boolean {
  return classOf(expression.type) === 'integer';
}

function isUnsignedBigint(expression: BoundExpression): boolean {
  return expression.type.kind === 'bigint' && expression.type.unsigned;
}

function isDouble(expression: BoundExpression): boolean {
  return classOf(expression.type) === 'double';
}

type ArithmeticSymbol = '+' | '-' | '*';

/** `+ - *`: integers in 64 bits, exact with DECIMAL, DOUBLE as soon as one side is. */
export function arithmetic(
  symbol: ArithmeticSymbol,
  left: BoundExpression,
  right: BoundExpression,
): BoundExpression {
  const a = asNumber(left);
  const b = asNumber(right);
  const render = ([x, y]: readonly string[]) => `(${x} ${symbol} ${y})`;
  if (isInteger(a) && isInteger(b)) {
    if (isUnsignedBigint(a) || isUnsignedBigint(b)) return unsignedArithmetic(symbol, a, b);
    return call(bigintType, [asInteger(a), asInteger(b)], render);
  }
  if (isDouble(a) || isDouble(b)) return call(doubleType, [asDouble(a), asDouble(b)], render);
  return decimalArithmetic(symbol, a, b);
}

/** In 128 bits, then back: a negative result is out of range, as in MySQL. */
function unsignedArithmetic(
  symbol: ArithmeticSymbol,
  a: BoundExpression,
  b: BoundExpression,
): BoundExpression {
  return call(
    bigintUnsignedType,
    [a, b],
    ([x, y]) => `CAST((CAST(${x} AS HUGEINT) ${symbol} CAST(${y} AS HUGEINT)) AS UBIGINT)`,
  );
}

function decimalArithmetic(
  symbol: ArithmeticSymbol,
  a: BoundExpression,
  b: BoundExpression,
): BoundExpression {
  const left = decimalShapeOf(a.type);
  const right = decimalShapeOf(b.type);
  const render = ([x, y]: readonly string[]) => `(${x} ${symbol} ${y})`;
  if (symbol === '*') {
    const scale = left.scale + right.scale;
    if (scale > decimalPrecisionMax - 1) return call(doubleType, [asDouble(a), asDouble(b)], render);
    const args = [asDecimal(a, left.precision, left.scale), asDecimal(b, right.precision, right.scale)];
    return call(decimalType(left.precision + right.precision, scale), args, render);
  }
  const scale = Math.max(left.scale, right.scale);
  const whole = Math.max(left.precision - left.scale, right.precision - right.scale);
  if (whole + scale < decimalPrecisionMax) {
    const args = [asDecimal(a, left.precision, left.scale), asDecimal(b, right.precision, right.scale)];
    return call(decimalType(whole + scale + 1, scale), args, render);
  }
  const args = [asDecimal(a, decimalPrecisionMax, scale), asDecimal(b, decimalPrecisionMax, scale)];
  return call(decimalType(decimalPrecisionMax, scale), args, render);
}

/** The DECIMAL of an exact quotient: four more digits after the point than the dividend. */
export function quotientShape(dividend: DecimalShape, divisorScale: number): DecimalShape {
  const scale = dividend.scale + divisionScaleIncrement;
  return { precision: dividend.precision - dividend.scale + divisorScale + scale, scale };
}

/** `/`: NULL when the divisor is 0. Exact operands are divided as DOUBLE and rounded to the exact scale. */
export function division(left: BoundExpression, right: BoundExpression): BoundExpression {
  const a = asNumber(left);
  const b = asNumber(right);
  const quotient = call(doubleType, [asDouble(a), asDouble(b)], ([x, y]) => `(${x} / nullif(${y}, 0))`, {
    nullable: true,
  });
  if (isDouble(a) || isDouble(b)) return quotient;
  const shape = quotientShape(decimalShapeOf(a.type), decimalShapeOf(b.type).scale);
  const type = decimalType(shape.precision, shape.scale);
  const { precision, scale } = decimalShapeOf(type);
  return call(type, [quotient], ([x]) => `CAST(${x} AS DECIMAL(${precision},${scale}))`);
}

/** `DIV`: whole quotient, cut towards zero; NULL when the divisor is 0. */
export function integerDivision(left: BoundExpression, right: BoundExpression): BoundExpression {
  const a = asNumber(left);
  const b = asNumber(right);
  const unsigned = isUnsignedBigint(a) || isUnsignedBigint(b);
  if (isInteger(a) && isInteger(b)) {
    if (!unsigned)
      return call(bigintType, [asInteger(a), asInteger(b)], ([x, y]) => `(${x} // ${y})`, { nullable: true });
    return call(
      bigintUnsignedType,
      [a, b],
      ([x, y]) => `CAST(CAST(${x} AS HUGEINT) // CAST(${y} AS HUGEINT) AS UBIGINT)`,
      { nullable: true },
    );
  }
  return call(
    bigintType,
    [asDouble(a), asDouble(b)],
    ([x, y]) => `CAST(trunc(${x} / nullif(${y}, 0)) AS BIGINT)`,
    {
      nullable: true,
    },
  );
}

/** `%` and MOD: the sign of the dividend; NULL when the divisor is 0. */
export function modulo(left: BoundExpression, right: BoundExpression): BoundExpression {
  const a = asNumber(left);
  const b = asNumber(right);
  const render = ([x, y]: readonly string[]) => `(${x} % nullif(${y}, 0))`;
  const nullable = { nullable: true };
  if (isDouble(a) || isDouble(b)) return call(doubleType, [asDouble(a), asDouble(b)], render, nullable);
  if (isInteger(a) && isInteger(b)) {
    if (!isUnsignedBigint(a) && !isUnsignedBigint(b))
      return call(bigintType, [asInteger(a), asInteger(b)], render, nullable);
    return call(
      isUnsignedBigint(a) ? bigintUnsignedType : bigintType,
      [a, b],
      ([x, y]) => `(CAST(${x} AS HUGEINT) % nullif(CAST(${y} AS HUGEINT), 0))`,
      nullable,
    );
  }
  const left2 = decimalShapeOf(a.type);
  const right2 = decimalShapeOf(b.type);
  const scale = Math.max(left2.scale, right2.scale);
  const precision = Math.min(
    Math.max(left2.precision - left2.scale, right2.precision - right2.scale) + scale,
    decimalPrecisionMax,
  );
  return call(
    decimalType(precision, scale),
    [asDecimal(a, precision, scale), asDecimal(b, precision, scale)],
    render,
    nullable,
  );
}

/** Unary minus; of a constant it is a constant. */
export function negative(operand: BoundExpression): BoundExpression {
  const number = asNumber(operand);
  if (number.kind === 'literal' && number.value !== null) {
    if (typeof number.value === 'bigint') {
      const value = -number.value;
      return value >= -(2n ** 63n)
        ? literal(bigintType, value)
        : literal(decimalType(20, 0), value.toString());
    }
    if (typeof number.value === 'number') return literal(number.type, -number.value);
    const text = String(number.value);
    return literal(number.type, text.startsWith('-') ? text.slice(1) : `-${text}`);
  }
  if (isInteger(number)) return arithmetic('-', literal(bigintType, 0n), signedOf(number));
  return call(number.type, [number], ([x]) => `(- ${x})`);
}

function signedOf(number: BoundExpression): BoundExpression {
  return isUnsignedBigint(number) ? call(bigintType, [number], ([x]) => `CAST(${x} AS BIGINT)`) : number;
}

export type BitSymbol = '|' | '&' | '^' | '<<' | '>>';

/** Bit operators work on 64 unsigned bits; a shift by 64 or more gives 0. */
export function bitOperation(
  symbol: BitSymbol,
  left: BoundExpression,
  right: BoundExpression,
): BoundExpression {
  const args = [asBits(left), asBits(right)];
  return call(bigintUnsignedType, args, ([x, y]) => bitSql(symbol, x ?? '', y ?? ''));
}

function bitSql(symbol: BitSymbol, x: string, y: string): string {
  switch (symbol) {
    case '|':
    case '&':
      return `(${x} ${symbol} ${y})`;
    case '^':
      return `xor(${x}, ${y})`;
    case '<<':
      return `CAST(CASE WHEN ${y} > 63 THEN 0 ELSE (CAST(${x} AS UHUGEINT) << CAST(${y} AS UHUGEINT)) & 18446744073709551615 END AS UBIGINT)`;
    case '>>':
      return `CAST(CASE WHEN ${y} > 63 THEN 0 ELSE ${x} >> ${y} END AS UBIGINT)`;
  }
}

export function bitComplement(operand: BoundExpression): BoundExpression {
  return call(bigintUnsignedType, [asBits(operand)], ([x]) => `(~${x})`);
}
