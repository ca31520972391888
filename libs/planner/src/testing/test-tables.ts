import type { TableDefinition } from '@millrace/catalog/definitions';
import { parseStatement } from '@millrace/sql/parse';
import { bindTableDefinition } from '../create-table.ts';
import { testContext } from './test-context.ts';

/** The definition that a CREATE TABLE makes. */
export function tableOf(ddl: string, id = 1n): TableDefinition {
  const { statement } = parseStatement(ddl);
  if (statement.kind !== 'createTable') throw new Error(`not CREATE TABLE: ${ddl}`);
  return { ...bindTableDefinition(statement, testContext()), id };
}

/** A sharded table, one sharded by another column, a reference table and a columnstore. */
export const testTables: readonly TableDefinition[] = [
  tableOf('CREATE TABLE t (id INT PRIMARY KEY, g INT, v DOUBLE, n DECIMAL(10,2), s VARCHAR(10), d DATE)', 1n),
  tableOf('CREATE TABLE u (k INT, id INT, w INT, SHARD KEY (id))', 2n),
  tableOf('CREATE REFERENCE TABLE r (g INT PRIMARY KEY, name VARCHAR(10))', 3n),
  tableOf('CREATE TABLE c (a BIGINT, b VARCHAR(20), at DATETIME, SHARD KEY (a, b), SORT KEY (at DESC))', 4n),
];

/** A catalog with one database `db` of these tables. */
export function testCatalog(tables: readonly TableDefinition[] = testTables) {
  const database = { id: 1n, name: 'db', partitionCount: 4, schemaVersion: 7n };
  return {
    database: (name: string) => (name === 'db' ? database : undefined),
    table: (databaseName: string, name: string) =>
      databaseName === 'db' ? tables.find((table) => table.name === name) : undefined,
  };
}
