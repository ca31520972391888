import type { SqlType } from '@millrace/values/sql-type';
import type { ParquetType } from '../parquet/parquet-type.ts';

const integerBits = { bool: 8, tinyint: 8, smallint: 16, mediumint: 32, int: 32, bigint: 64 } as const;

/**
 * The Parquet type of a stored column that {@link DirectSink} can write, or undefined where only the engine can. The
 * engine reads it back as exactly `duckdbTypeOf(type)`.
 */
export function directParquetType(type: SqlType): ParquetType | undefined {
  switch (type.kind) {
    case 'bool':
      return { kind: 'integer', bits: 8, signed: true };
    case 'tinyint':
    case 'smallint':
    case 'mediumint':
    case 'int':
    case 'bigint':
      return { kind: 'integer', bits: integerBits[type.kind], signed: !type.unsigned };
    case 'decimal':
      return type.precision <= 18
        ? { kind: 'decimal', precision: type.precision, scale: type.scale }
        : undefined;
    case 'double':
      return { kind: 'double' };
    case 'char':
    case 'varchar':
    case 'tinytext':
    case 'text':
    case 'mediumtext':
    case 'longtext':
      return { kind: 'text' };
    case 'binary':
    case 'varbinary':
    case 'tinyblob':
    case 'blob':
    case 'mediumblob':
    case 'longblob':
      return { kind: 'blob' };
    case 'date':
      return { kind: 'date' };
    case 'datetime':
    case 'timestamp':
      return { kind: 'timestamp' };
    // FLOAT rounds twice when it is parsed as a double, TIME has many forms, JSON is validated and minified.
    case 'float':
    case 'time':
    case 'json':
    case 'null':
      return undefined;
  }
}

/** Whether values of the type are bytes that need not be UTF-8. */
export function isBinaryType(type: SqlType): boolean {
  return directParquetType(type)?.kind === 'blob';
}
