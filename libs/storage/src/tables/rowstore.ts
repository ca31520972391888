import { readParquetExpression } from '@millrace/engine/parquet';
import { quoteIdentifier } from '@millrace/engine/sql-text';
import { duckdbTypeOf } from '@millrace/values/duckdb-type-of';
import type { LockMode } from '../partitions/table-locks.ts';
import type { ColumnDefinition, TableDefinition } from '../schema/table-definition.ts';
import {
  type DeleteOperation,
  type InsertOperation,
  noRows,
  type Operation,
  type RowCounts,
  type UpdateOperation,
} from '../transactions/operation.ts';
import { assignmentsChange, insertWithPolicy, type KeyedRows } from './duplicate-keys.ts';
import { columnList, engineTableName, keysEqual, matches, type TableStore } from './table-store.ts';
import type { WriteTransaction } from './write-transaction.ts';

/** The columns of an engine table with their types and NOT NULL constraints. */
export function columnDefinitions(columns: readonly ColumnDefinition[]): string[] {
  return columns.map(
    ({ name, type, nullable }) =>
      `${quoteIdentifier(name)} ${duckdbTypeOf(type)}${nullable ? '' : ' NOT NULL'}`,
  );
}

function quotedColumns(columns: readonly string[]): string {
  return columns.map(quoteIdentifier).join(', ');
}

/** Rows in a DuckDB table of the partition's file; keys and indexes are the engine's ART indexes. */
export class Rowstore implements TableStore, KeyedRows {
  readonly definition: TableDefinition;
  readonly #table: string;

  constructor(definition: TableDefinition, alias: string) {
    this.definition = definition;
    this.#table = engineTableName(alias, definition.tableId);
  }

  /** The DDL of a table and its indexes. */
  static createStatements(definition: TableDefinition, alias: string): string[] {
    const table = engineTableName(alias, definition.tableId);
    const keys = definition.uniqueKeys.map(
      ({ columns, primary }) => `${primary ? 'PRIMARY KEY' : 'UNIQUE'} (${quotedColumns(columns)})`,
    );
    const indexes = definition.indexes.map(({ columns }, index) => {
      const name = quoteIdentifier(`i_${definition.tableId}_${index}`);
      return `CREATE INDEX ${name} ON ${table} (${quotedColumns(columns)})`;
    });
    return [
      `CREATE TABLE ${table} (${[...columnDefinitions(definition.columns), ...keys].join(', ')})`,
      ...indexes,
    ];
  }

  static dropStatements(definition: TableDefinition, alias: string): string[] {
    return [`DROP TABLE ${engineTableName(alias, definition.tableId)}`];
  }

  lockModeOf({ kind }: Operation): LockMode {
    return kind === 'insert' && this.definition.uniqueKeys.length === 0 ? 'shared' : 'exclusive';
  }

  get rowsExpression(): string {
    return this.#table;
  }

  currentRows(): Promise<string> {
    return Promise.resolve(this.#table);
  }

  insertRows(transaction: WriteTransaction, query: string): Promise<number> {
    return transaction.run(`INSERT INTO ${this.#table} (${columnList(this.definition)}) ${query}`);
  }

  deleteByKey(transaction: WriteTransaction, keysTable: string, columns: readonly string[]): Promise<number> {
    const condition = keysEqual(columns, 'stored', 'given');
    return transaction.run(
      `DELETE FROM ${this.#table} AS stored WHERE EXISTS (SELECT 1 FROM ${keysTable} AS given WHERE ${condition})`,
    );
  }

  async insert(transaction: WriteTransaction, operation: InsertOperation): Promise<RowCounts> {
    const { uniqueKeys } = this.definition;
    const source = readParquetExpression([transaction.slicePath(operation.slice)]);
    const insert = `INSERT INTO ${this.#table} BY NAME SELECT * FROM ${source}`;
    if (uniqueKeys.length === 0 || operation.onDuplicate === 'error') {
      return { affectedRows: BigInt(await transaction.run(insert)), skippedRows: 0n };
    }
    // Within one statement the engine takes two NULLs in a key for duplicates, so this is for keys without NULLs.
    if (operation.onDuplicate === 'skip' && this.#keysAreNotNull()) {
      const total = await transaction.integer(`SELECT count(*) FROM ${source}`);
      const affectedRows = BigInt(await transaction.run(`${insert} ON CONFLICT DO NOTHING`));
      return { affectedRows, skippedRows: total - affectedRows };
    }
    return insertWithPolicy(transaction, this, operation);
  }

  #keysAreNotNull(): boolean {
    const notNull = new Set(
      this.definition.columns.filter(({ nullable }) => !nullable).map(({ name }) => name),
    );
    return this.definition.uniqueKeys.every(({ columns }) => columns.every((column) => notNull.has(column)));
  }

  async update(transaction: WriteTransaction, operation: UpdateOperation): Promise<RowCounts> {
    const { assignments, predicate } = operation;
    const changes = assignmentsChange(this.definition, assignments);
    // The last assignment to a column wins, as in MySQL; the engine would refuse two.
    const sets = assignments
      .filter(({ column }, index) => assignments.findLastIndex((other) => other.column === column) === index)
      .map(({ column, expression }) => `${quoteIdentifier(column)} = (${expression})`);
    if (sets.length === 0) return noRows;
    const sql = `UPDATE ${this.#table} SET ${sets.join(', ')} WHERE ${matches(predicate)} AND ${changes}`;
    return { affectedRows: BigInt(await transaction.run(sql)), skippedRows: 0n };
  }

  async delete(transaction: WriteTransaction, { predicate }: DeleteOperation): Promise<RowCounts> {
    const count = await transaction.run(`DELETE FROM ${this.#table} WHERE ${matches(predicate)}`);
    return { affectedRows: BigInt(count), skippedRows: 0n };
  }

  async truncate(transaction: WriteTransaction): Promise<RowCounts> {
    await transaction.run(`DELETE FROM ${this.#table}`);
    return noRows;
  }
}
