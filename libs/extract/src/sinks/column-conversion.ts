import { blobBytesMax, type SqlType, textBytesMax } from '@millrace/values/sql-type';

// How a column is converted. Plain constants, so that the switch per value is a jump.
export const opNull = 0;
export const opInteger = 1;
export const opInteger64 = 2;
export const opDecimal32 = 3;
export const opDecimal64 = 4;
export const opDouble = 5;
export const opText = 6;
export const opDate = 7;
export const opTimestamp = 8;
/** CHAR and BINARY: only values that are stored as they are. */
export const opChar = 9;
export const opBinary = 10;

const integerBits = { bool: 8, tinyint: 8, smallint: 16, mediumint: 24, int: 32 } as const;

/** How {@link DirectRow} converts the values of one column. */
export interface Conversion {
  readonly op: number;
  /** Integers and decimals: bounds of the value. */
  readonly low: number;
  readonly high: number;
  readonly unsigned: boolean;
  /** Decimals: digits after the point. Timestamps: digits of fraction. */
  readonly scale: number;
  /** Texts: most bytes or characters. */
  readonly lengthMax: number;
  readonly inCharacters: boolean;
}

const conversionBase: Conversion = {
  op: opNull,
  low: 0,
  high: 0,
  unsigned: false,
  scale: 0,
  lengthMax: 0,
  inCharacters: false,
};

/** The conversion of a type that has a direct Parquet type. */
export function conversionOf(type: SqlType): Conversion {
  switch (type.kind) {
    case 'bool':
    case 'tinyint':
    case 'smallint':
    case 'mediumint':
    case 'int': {
      const bits = integerBits[type.kind];
      const unsigned = type.kind !== 'bool' && type.unsigned;
      const [low, high] = unsigned ? [0, 2 ** bits - 1] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
      return { ...conversionBase, op: opInteger, low, high, unsigned };
    }
    case 'bigint':
      return { ...conversionBase, op: opInteger64, unsigned: type.unsigned };
    case 'decimal': {
      const high = 10 ** Math.min(type.precision, 15) - 1;
      const op = type.precision > 9 ? opDecimal64 : opDecimal32;
      return { ...conversionBase, op, low: -high, high, scale: type.scale };
    }
    case 'double':
      return { ...conversionBase, op: opDouble };
    case 'char':
      return { ...conversionBase, op: opChar, lengthMax: type.length };
    case 'varchar':
      return { ...conversionBase, op: opText, lengthMax: type.length, inCharacters: true };
    case 'tinytext':
    case 'text':
    case 'mediumtext':
    case 'longtext':
      return { ...conversionBase, op: opText, lengthMax: textBytesMax[type.kind] };
    case 'binary':
      return { ...conversionBase, op: opBinary, lengthMax: type.length };
    case 'varbinary':
      return { ...conversionBase, op: opText, lengthMax: type.length };
    case 'tinyblob':
    case 'blob':
    case 'mediumblob':
    case 'longblob':
      return { ...conversionBase, op: opText, lengthMax: blobBytesMax[type.kind] };
    case 'date':
      return { ...conversionBase, op: opDate };
    case 'datetime':
    case 'timestamp':
      return { ...conversionBase, op: opTimestamp, scale: type.fraction };
    case 'float':
    case 'time':
    case 'json':
    case 'null':
      throw new RangeError(`no direct conversion for ${type.kind}`);
  }
}
