/**
 * The SQL types of the dialect, as every layer knows them: the parser produces them, the catalog stores them (as
 * JSON), the engine maps them to DuckDB types and the wire maps them to MySQL column types.
 */
export type SqlType =
  | { readonly kind: 'bool' }
  | { readonly kind: 'tinyint' | 'smallint' | 'mediumint' | 'int' | 'bigint'; readonly unsigned: boolean }
  | { readonly kind: 'float' | 'double' }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'char' | 'varchar'; readonly length: number }
  | { readonly kind: 'tinytext' | 'text' | 'mediumtext' | 'longtext' }
  | { readonly kind: 'binary' | 'varbinary'; readonly length: number }
  | { readonly kind: 'tinyblob' | 'blob' | 'mediumblob' | 'longblob' }
  | { readonly kind: 'date' }
  | { readonly kind: 'time' | 'datetime' | 'timestamp'; readonly fraction: 0 | 6 }
  | { readonly kind: 'json' }
  | { readonly kind: 'null' };

export type SqlTypeKind = SqlType['kind'];

/** How values of a type travel in a {@link ColumnVector}. */
export type PhysicalKind = 'int64' | 'uint64' | 'double' | 'text' | 'blob';

const physicalKinds: Record<SqlTypeKind, PhysicalKind> = {
  bool: 'int64',
  tinyint: 'int64',
  smallint: 'int64',
  mediumint: 'int64',
  int: 'int64',
  bigint: 'int64',
  float: 'double',
  double: 'double',
  decimal: 'text',
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
  date: 'text',
  time: 'text',
  datetime: 'text',
  timestamp: 'text',
  json: 'text',
  null: 'text',
};

/**
 * The physical kind of a type. Unsigned BIGINT is `uint64`, every other integer (BOOL included, as 0 and 1) is `int64`;
 * DECIMAL, dates and times travel as their canonical text (`-12.50`, `2026-01-31`, `2026-01-31 10:00:00.000001`).
 */
export function physicalKindOf(type: SqlType): PhysicalKind {
  return type.kind === 'bigint' && type.unsigned ? 'uint64' : physicalKinds[type.kind];
}

/** Longest value of the TEXT types, in bytes of UTF-8. */
export const textBytesMax = {
  tinytext: 255,
  text: 65_535,
  mediumtext: 16_777_215,
  longtext: 4_294_967_295,
} as const;

/** Longest value of the BLOB types, in bytes. */
export const blobBytesMax = {
  tinyblob: 255,
  blob: 65_535,
  mediumblob: 16_777_215,
  longblob: 4_294_967_295,
} as const;

const plainNames: Partial<Record<SqlTypeKind, string>> = {
  bool: 'tinyint(1)',
  tinyint: 'tinyint(4)',
  smallint: 'smallint(6)',
  mediumint: 'mediumint(9)',
  int: 'int(11)',
  bigint: 'bigint(20)',
};

const unsignedNames: Partial<Record<SqlTypeKind, string>> = {
  tinyint: 'tinyint(3) unsigned',
  smallint: 'smallint(5) unsigned',
  mediumint: 'mediumint(8) unsigned',
  int: 'int(10) unsigned',
  bigint: 'bigint(20) unsigned',
};

/** The type as SHOW COLUMNS and SHOW CREATE TABLE print it, for example `int(11)`, `varchar(128)`, `datetime(6)`. */
export function formatSqlType(type: SqlType): string {
  switch (type.kind) {
    case 'tinyint':
    case 'smallint':
    case 'mediumint':
    case 'int':
    case 'bigint':
      return (type.unsigned ? unsignedNames : plainNames)[type.kind] ?? type.kind;
    case 'bool':
      return 'tinyint(1)';
    case 'decimal':
      return `decimal(${type.precision},${type.scale})`;
    case 'char':
    case 'varchar':
    case 'binary':
    case 'varbinary':
      return `${type.kind}(${type.length})`;
    case 'time':
    case 'datetime':
    case 'timestamp':
      return type.fraction === 6 ? `${type.kind}(6)` : type.kind;
    default:
      return type.kind;
  }
}
