import type { SqlType } from '@millrace/values/sql-type';
import {
  bigintType,
  classOf,
  decimalShapeOf,
  decimalType,
  doubleType,
  isNumeric,
  jsonType,
  longblobType,
  nullType,
  textLengthOf,
  textTypeOf,
} from './type-class.ts';

const integerRank = { bool: 0, tinyint: 1, smallint: 2, mediumint: 3, int: 4, bigint: 5 } as const;
type IntegerKind = keyof typeof integerRank;

/** The type of CASE, COALESCE, IF, UNION columns: the one that all the given types convert to. */
export function unifyTypes(types: readonly SqlType[]): SqlType {
  const known = types.filter((type) => type.kind !== 'null');
  const [first, ...rest] = known;
  return first === undefined ? nullType : rest.reduce(unifyTwo, first);
}

function unifyTwo(left: SqlType, right: SqlType): SqlType {
  const leftClass = classOf(left);
  const rightClass = classOf(right);
  if (isNumeric(left) && isNumeric(right)) return unifyNumbers(left, right);
  if (leftClass === 'json' && rightClass === 'json') return jsonType;
  if (leftClass === 'blob' || rightClass === 'blob') return unifyBlobs(left, right);
  if ((left.kind === 'datetime' || left.kind === 'timestamp' || left.kind === 'date') && isDateLike(right)) {
    return unifyDates(left, right);
  }
  if (left.kind === 'time' && right.kind === 'time') return left.fraction === 6 ? left : right;
  if (left.kind === right.kind && textLengthOf(left) === textLengthOf(right)) return left;
  const leftLength = textLengthOf(left);
  const rightLength = textLengthOf(right);
  return textTypeOf(
    leftLength === undefined || rightLength === undefined ? undefined : Math.max(leftLength, rightLength),
  );
}

function unifyBlobs(left: SqlType, right: SqlType): SqlType {
  if (left.kind === 'varbinary' && right.kind === 'varbinary')
    return left.length >= right.length ? left : right;
  return left.kind === right.kind && textLengthOf(left) === textLengthOf(right) ? left : longblobType;
}

function isDateLike(type: SqlType): boolean {
  return type.kind === 'date' || type.kind === 'datetime' || type.kind === 'timestamp';
}

function unifyDates(left: SqlType, right: SqlType): SqlType {
  if (left.kind === 'date' && right.kind === 'date') return left;
  const fraction = [left, right].some((type) => 'fraction' in type && type.fraction === 6) ? 6 : 0;
  return left.kind === 'timestamp' && right.kind === 'timestamp'
    ? { kind: 'timestamp', fraction }
    : { kind: 'datetime', fraction };
}

function unifyNumbers(left: SqlType, right: SqlType): SqlType {
  if (classOf(left) === 'double' || classOf(right) === 'double') {
    return left.kind === 'float' && right.kind === 'float' ? left : doubleType;
  }
  if (left.kind === 'decimal' || right.kind === 'decimal') {
    const a = decimalShapeOf(left);
    const b = decimalShapeOf(right);
    const scale = Math.max(a.scale, b.scale);
    return decimalType(Math.max(a.precision - a.scale, b.precision - b.scale) + scale, scale);
  }
  return unifyIntegers(left, right);
}

function unifyIntegers(left: SqlType, right: SqlType): SqlType {
  const leftUnsigned = 'unsigned' in left && left.unsigned;
  const rightUnsigned = 'unsigned' in right && right.unsigned;
  const wider =
    integerRank[left.kind as IntegerKind] >= integerRank[right.kind as IntegerKind] ? left : right;
  if (leftUnsigned === rightUnsigned) return wider;
  const unsigned = leftUnsigned ? left : right;
  return unsigned.kind === 'bigint' ? decimalType(20, 0) : bigintType;
}
