import type { SqlType } from '@millrace/values/sql-type';

const integerNames = {
  tinyint: 'TINYINT',
  smallint: 'SMALLINT',
  mediumint: 'INTEGER',
  int: 'INTEGER',
  bigint: 'BIGINT',
} as const;

/** The DuckDB type that holds values of a SQL type; the same mapping as the engine stores columns with. */
export function duckdbTypeName(type: SqlType): string {
  switch (type.kind) {
    case 'bool':
      return 'TINYINT';
    case 'tinyint':
    case 'smallint':
    case 'mediumint':
    case 'int':
    case 'bigint':
      return `${type.unsigned ? 'U' : ''}${integerNames[type.kind]}`;
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
