import { formatSqlType, type SqlType } from '@millrace/values/sql-type';

/** A type as a column definition or `:>` names it. */
export function printSqlType(type: SqlType): string {
  return formatSqlType(type).toUpperCase();
}

/** A type as CAST names it, in the words that MySQL also knows. */
export function printCastType(type: SqlType): string {
  switch (type.kind) {
    case 'bigint':
      return type.unsigned ? 'UNSIGNED' : 'SIGNED';
    case 'longtext':
      return 'CHAR';
    case 'varchar':
      return `CHAR(${type.length})`;
    case 'longblob':
      return 'BINARY';
    default:
      return printSqlType(type);
  }
}
