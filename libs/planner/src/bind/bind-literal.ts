import { MillraceError } from '@millrace/errors/millrace-error';
import type { Literal } from '@millrace/sql/ast/expression';
import type { ScalarValue } from '@millrace/values/column-batch';
import { type BoundLiteral, literal } from '../bound/bound-expression.ts';
import { canonicalDate, canonicalDatetime, canonicalTime } from '../types/calendar-text.ts';
import {
  bigintType,
  bigintUnsignedType,
  dateType,
  datetime6Type,
  datetimeType,
  decimalPrecisionMax,
  decimalScaleMax,
  decimalType,
  doubleType,
  intType,
  nullType,
  textTypeOf,
  time6Type,
  timeType,
} from '../types/type-class.ts';

const int64Max = 2n ** 63n - 1n;
const uint64Max = 2n ** 64n - 1n;

/** A constant of the statement text. Throws DATETIME_INVALID for `DATE 'nonsense'`. */
export function bindLiteral(node: Literal): BoundLiteral {
  switch (node.kind) {
    case 'null':
      return literal(nullType, null);
    case 'boolean':
      return literal(intType, node.value ? 1n : 0n);
    case 'integer':
      return integerLiteral(node.value);
    case 'decimal':
      return decimalLiteral(node.text);
    case 'double':
      return literal(doubleType, Number(node.text));
    case 'string':
      return textLiteral(node.value);
    case 'blob': {
      const bytes = Buffer.from(node.hex, 'hex');
      return literal({ kind: 'varbinary', length: bytes.length }, bytes);
    }
    case 'temporal':
      return temporalLiteral(node.type, node.text);
  }
}

function integerLiteral(value: bigint): BoundLiteral {
  if (value > uint64Max || value < -(int64Max + 1n)) return decimalLiteral(value.toString());
  return literal(value > int64Max ? bigintUnsignedType : bigintType, value);
}

function textLiteral(text: string): BoundLiteral {
  return literal(textTypeOf(text.length), text);
}

/** Canonical digits, with a digit before the point; numbers beyond 38 digits are DOUBLE. */
function decimalLiteral(text: string): BoundLiteral {
  const [, whole = '', fraction = ''] = /^\+?(-?\d*)(?:\.(\d*))?$/.exec(text) ?? [];
  const digits = whole.replace(/^-/, '').replace(/^0+(?=\d)/, '');
  const precision = Math.max(digits.length, 1) + fraction.length;
  if (precision > decimalPrecisionMax || fraction.length > decimalScaleMax)
    return literal(doubleType, Number(text));
  const sign = whole.startsWith('-') ? '-' : '';
  const point = fraction === '' ? '' : `.${fraction}`;
  return literal(decimalType(precision, fraction.length), `${sign}${digits === '' ? '0' : digits}${point}`);
}

function temporalLiteral(type: 'date' | 'time' | 'timestamp', text: string): BoundLiteral {
  const canonical = { date: canonicalDate, time: canonicalTime, timestamp: canonicalDatetime }[type](text);
  if (canonical === undefined) {
    throw new MillraceError('DATETIME_INVALID', `Incorrect ${type.toUpperCase()} value: '${text}'`);
  }
  const fraction = canonical.includes('.');
  switch (type) {
    case 'date':
      return literal(dateType, canonical);
    case 'time':
      return literal(fraction ? time6Type : timeType, canonical);
    case 'timestamp':
      return literal(fraction ? datetime6Type : datetimeType, canonical);
  }
}

/** A parameter, variable or subquery result as a constant. */
export function bindScalar(value: ScalarValue): BoundLiteral {
  if (value === null) return literal(nullType, null);
  if (typeof value === 'bigint') return integerLiteral(value);
  if (typeof value === 'number') return literal(doubleType, value);
  if (typeof value === 'string') return textLiteral(value);
  return literal({ kind: 'varbinary', length: value.length }, value);
}
