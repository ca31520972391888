import type { SqlType, SqlTypeKind } from '@millrace/values/sql-type';

/** What matters of a type for comparison and conversion. */
export type TypeClass =
  | 'integer'
  | 'decimal'
  | 'double'
  | 'text'
  | 'blob'
  | 'date'
  | 'datetime'
  | 'time'
  | 'json'
  | 'null';

const classes: Record<SqlTypeKind, TypeClass> = {
  bool: 'integer',
  tinyint: 'integer',
  smallint: 'integer',
  mediumint: 'integer',
  int: 'integer',
  bigint: 'integer',
  float: 'double',
  double: 'double',
  decimal: 'decimal',
  char: 'text',
  varchar: 'text',
  tinytext: 'text',
  text: 'text',
  mediumtext: 'text',
  longtext: 'text',
  binary: 'blob',
  varbinary: 'blob',
  tinyblob: 'blob',
  blob: 'blob',
  mediumblob: 'blob',
  longblob: 'blob',
  date: 'date',
  time: 'time',
  datetime: 'datetime',
  timestamp: 'datetime',
  json: 'json',
  null: 'null',
};

export function classOf(type: SqlType): TypeClass {
  return classes[type.kind];
}

export function isNumeric(type: SqlType): boolean {
  const typeClass = classOf(type);
  return typeClass === 'integer' || typeClass === 'decimal' || typeClass === 'double';
}

export function isTemporal(type: SqlType): boolean {
  const typeClass = classOf(type);
  return typeClass === 'date' || typeClass === 'datetime' || typeClass === 'time';
}

export const nullType: SqlType = { kind: 'null' };
export const intType: SqlType = { kind: 'int', unsigned: false };
export const bigintType: SqlType = { kind: 'bigint', unsigned: false };
export const bigintUnsignedType: SqlType = { kind: 'bigint', unsigned: true };
export const doubleType: SqlType = { kind: 'double' };
export const longtextType: SqlType = { kind: 'longtext' };
export const longblobType: SqlType = { kind: 'longblob' };
export const dateType: SqlType = { kind: 'date' };
export const datetimeType: SqlType = { kind: 'datetime', fraction: 0 };
export const datetime6Type: SqlType = { kind: 'datetime', fraction: 6 };
export const timeType: SqlType = { kind: 'time', fraction: 0 };
export const time6Type: SqlType = { kind: 'time', fraction: 6 };
export const jsonType: SqlType = { kind: 'json' };

/** Digits of the largest DECIMAL that the engine holds; MySQL's is 65. */
export const decimalPrecisionMax = 38;
/** Most digits after the point, as in MySQL. */
export const decimalScaleMax = 30;

const integerDigits: Partial<Record<SqlTypeKind, number>> = {
  bool: 3,
  tinyint: 3,
  smallint: 5,
  mediumint: 8,
  int: 10,
  bigint: 19,
};

export interface DecimalShape {
  readonly precision: number;
  readonly scale: number;
}

/** The DECIMAL that holds every value of an integer or DECIMAL type. */
export function decimalShapeOf(type: SqlType): DecimalShape {
  if (type.kind === 'decimal') return { precision: type.precision, scale: type.scale };
  if (type.kind === 'bigint' && type.unsigned) return { precision: 20, scale: 0 };
  return { precision: integerDigits[type.kind] ?? 19, scale: 0 };
}

/** A DECIMAL of at most 38 digits; the digits before the point give way. */
export function decimalType(precision: number, scale: number): SqlType {
  const scaleKept = Math.min(scale, decimalScaleMax);
  const precisionKept = Math.min(Math.max(precision, scaleKept, 1), decimalPrecisionMax);
  return { kind: 'decimal', precision: precisionKept, scale: scaleKept };
}

const varcharLengthMax = 21_845;
const textLengths: Partial<Record<SqlTypeKind, number>> = { tinytext: 255, text: 65_535 };

/** VARCHAR(n) when the length is known and possible, else LONGTEXT. */
export function textTypeOf(length: number | undefined): SqlType {
  return length === undefined || length > varcharLengthMax ? longtextType : { kind: 'varchar', length };
}

/** The most characters that a value of the type prints with; undefined when there is no useful bound. */
export function textLengthOf(type: SqlType): number | undefined {
  switch (type.kind) {
    case 'char':
    case 'varchar':
    case 'binary':
    case 'varbinary':
      return type.length;
    case 'decimal':
      return type.precision + 2;
    case 'float':
    case 'double':
      return 24;
    case 'date':
      return 10;
    case 'time':
      return type.fraction === 0 ? 10 : 17;
    case 'datetime':
    case 'timestamp':
      return type.fraction === 0 ? 19 : 26;
    case 'null':
      return 0;
    default: {
      const digits = integerDigits[type.kind];
      return digits === undefined ? textLengths[type.kind] : digits + 1;
    }
  }
}
