import type { SqlType } from './sql-type.ts';

type IntegerKind = 'tinyint' | 'smallint' | 'mediumint' | 'int' | 'bigint';

const integerTypes: Record<IntegerKind, string> = {
  tinyint: 'TINYINT',
  smallint: 'SMALLINT',
  mediumint: 'INTEGER',
  int: 'INTEGER',
  bigint: 'BIGINT',
};

/**
 * The DuckDB type that stores a column. BOOL is TINYINT as in MySQL (it holds any tinyint), MEDIUMINT is INTEGER with a
 * check, TEXT and JSON are VARCHAR, DATETIME and TIMESTAMP are TIMESTAMP (UTC). TIME is the time of day: intervals
 * beyond 24 hours or below zero are not stored.
 */
export function duckdbTypeOf(type: SqlType): string {
  switch (type.kind) {
    case 'bool':
      return 'TINYINT';
    case 'tinyint':
    case 'smallint':
    case 'mediumint':
    case 'int':
    case 'bigint':
      return `${type.unsigned ? 'U' : ''}${integerTypes[type.kind]}`;
    case 'float':
      return 'FLOAT';
    case 'double':
      return 'DOUBLE';
    case 'decimal':
      return `DECIMAL(${type.precision},${type.scale})`;
    case 'char':
    case 'varchar':
    case 'tinytext':
    case 'text':
    case 'mediumtext':
    case 'longtext':
    case 'json':
    case 'null':
      return 'VARCHAR';
    case 'binary':
    case 'varbinary':
    case 'tinyblob':
    case 'blob':
    case 'mediumblob':
    case 'longblob':
      return 'BLOB';
    case 'date':
      return 'DATE';
    case 'time':
      return 'TIME';
    case 'datetime':
    case 'timestamp':
      return 'TIMESTAMP';
  }
}
