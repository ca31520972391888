import type { ColumnDefinition, TableDefinition } from '@millrace/catalog/definitions';
import type { SqlType } from '@millrace/values/sql-type';

/** What information_schema.COLUMNS says of a type. */
export interface TypeFacts {
  /** The name without length and sign. */
  readonly dataType: string;
  readonly characterLength: bigint | null;
  readonly octetLength: bigint | null;
  readonly numericPrecision: bigint | null;
  readonly numericScale: bigint | null;
  readonly datetimePrecision: bigint | null;
  readonly isText: boolean;
}

const nothing: TypeFacts = {
  dataType: '',
  characterLength: null,
  octetLength: null,
  numericPrecision: null,
  numericScale: null,
  datetimePrecision: null,
  isText: false,
};

const integerDigits = { bool: 3, tinyint: 3, smallint: 5, mediumint: 7, int: 10, bigint: 19 } as const;
const bytesMax = {
  tinytext: 255,
  text: 65_535,
  mediumtext: 16_777_215,
  longtext: 4_294_967_295,
  tinyblob: 255,
  blob: 65_535,
  mediumblob: 16_777_215,
  longblob: 4_294_967_295,
} as const;
const bytesPerCharacter = 4;

export function factsOf(type: SqlType): TypeFacts {
  switch (type.kind) {
    case 'bool':
    case 'tinyint':
    case 'smallint':
    case 'mediumint':
    case 'int':
    case 'bigint':
      return {
        ...nothing,
        dataType: type.kind === 'bool' ? 'tinyint' : type.kind,
        numericPrecision: BigInt(integerDigits[type.kind]),
        numericScale: 0n,
      };
    case 'float':
      return { ...nothing, dataType: type.kind, numericPrecision: 12n };
    case 'double':
      return { ...nothing, dataType: type.kind, numericPrecision: 22n };
    case 'decimal':
      return {
        ...nothing,
        dataType: type.kind,
        numericPrecision: BigInt(type.precision),
        numericScale: BigInt(type.scale),
      };
    case 'char':
    case 'varchar':
      return {
        ...nothing,
        dataType: type.kind,
        characterLength: BigInt(type.length),
        octetLength: BigInt(type.length * bytesPerCharacter),
        isText: true,
      };
    case 'binary':
    case 'varbinary':
      return {
        ...nothing,
        dataType: type.kind,
        characterLength: BigInt(type.length),
        octetLength: BigInt(type.length),
      };
    case 'tinytext':
    case 'text':
    case 'mediumtext':
    case 'longtext':
    case 'tinyblob':
    case 'blob':
    case 'mediumblob':
    case 'longblob': {
      const length = BigInt(bytesMax[type.kind]);
      const isText = type.kind.endsWith('text');
      return { ...nothing, dataType: type.kind, characterLength: length, octetLength: length, isText };
    }
    case 'time':
    case 'datetime':
    case 'timestamp':
      return { ...nothing, dataType: type.kind, datetimePrecision: BigInt(type.fraction) };
    case 'date':
    case 'json':
    case 'null':
      return { ...nothing, dataType: type.kind };
  }
}

/** As COLUMN_DEFAULT and SHOW COLUMNS show it; null when there is none or it is NULL. */
export function shownDefault(column: ColumnDefinition): string | null {
  if (column.default === undefined) return null;
  if (column.default.kind === 'now') return 'CURRENT_TIMESTAMP';
  const { value } = column.default;
  if (value === null) return null;
  return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value);
}

/** `PRI`, `UNI`, `MUL` or empty, as MySQL marks a column. */
export function keyMark(table: TableDefinition, column: string): string {
  if (table.keys.some((key) => key.kind === 'primary' && key.columns.includes(column))) return 'PRI';
  if (
    table.keys.some((key) => key.kind === 'unique' && key.columns.length === 1 && key.columns[0] === column)
  ) {
    return 'UNI';
  }
  return table.keys.some((key) => key.columns[0] === column) || table.shardKey[0] === column ? 'MUL' : '';
}

export function extraOf(column: ColumnDefinition): string {
  if (column.autoIncrement === true) return 'auto_increment';
  return column.onUpdateNow === true ? 'on update CURRENT_TIMESTAMP' : '';
}
