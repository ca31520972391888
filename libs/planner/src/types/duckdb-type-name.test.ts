import { duckdbTypeOf } from '@millrace/engine/duckdb-type';
import type { SqlType, SqlTypeKind } from '@millrace/values/sql-type';
import { expect, it } from 'vitest';
import { duckdbTypeName } from './duckdb-type-name.ts';

const types: Record<SqlTypeKind, SqlType> = {
  bool: { kind: 'bool' },
  tinyint: { kind: 'tinyint', unsigned: true },
  smallint: { kind: 'smallint', unsigned: false },
  mediumint: { kind: 'mediumint', unsigned: true },
  int: { kind: 'int', unsigned: true },
  bigint: { kind: 'bigint', unsigned: true },
  float: { kind: 'float' },
  double: { kind: 'double' },
  decimal: { kind: 'decimal', precision: 12, scale: 3 },
  char: { kind: 'char', length: 2 },
  varchar: { kind: 'varchar', length: 2 },
  tinytext: { kind: 'tinytext' },
  text: { kind: 'text' },
  mediumtext: { kind: 'mediumtext' },
  longtext: { kind: 'longtext' },
  binary: { kind: 'binary', length: 2 },
  varbinary: { kind: 'varbinary', length: 2 },
  tinyblob: { kind: 'tinyblob' },
  blob: { kind: 'blob' },
  mediumblob: { kind: 'mediumblob' },
  longblob: { kind: 'longblob' },
  date: { kind: 'date' },
  time: { kind: 'time', fraction: 6 },
  datetime: { kind: 'datetime', fraction: 0 },
  timestamp: { kind: 'timestamp', fraction: 6 },
  json: { kind: 'json' },
  null: { kind: 'null' },
};

it.each(Object.values(types))('names $kind as the engine stores it', (type) => {
  expect(duckdbTypeName(type)).toBe(duckdbTypeOf(type));
});
