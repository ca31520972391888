import { link, readdir, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { EngineConnection } from '@millrace/engine/duckdb-instance';
import { fsyncPath, mkdirDurably, readParquetExpression, writeParquet } from '@millrace/engine/parquet';
import { quoteIdentifier, quoteLiteral, quoteLiteralList } from '@millrace/engine/sql-text';
import { MillraceError } from '@millrace/errors/millrace-error';
import { fileErrorOf } from '@millrace/runtime/file-error';
import { duckdbTypeOf } from '@millrace/values/duckdb-type-of';
import type { LockMode } from '../partitions/table-locks.ts';
import type { TableDefinition } from '../schema/table-definition.ts';
import {
  type DeleteOperation,
  type InsertOperation,
  noRows,
  type Operation,
  type RowCounts,
  type UpdateOperation,
} from '../transactions/operation.ts';
import {
  assignedColumns,
  assignmentsChange,
  insertWithPolicy,
  type KeyedRows,
  requireUnique,
} from './duplicate-keys.ts';
import { columnDefinitions } from './rowstore.ts';
import {
  deleteSegments,
  insertSegment,
  type Segment,
  segmentOf,
  selectSegments,
} from './segment-manifest.ts';
import type { SegmentReaders } from './segment-readers.ts';
import { columnList, engineTableName, keysEqual, matches, type TableStore } from './table-store.ts';
import type { WriteTransaction } from './write-transaction.ts';

export interface ColumnstoreOptions {
  /** Fewest rows that become a segment of their own; fewer go to the hot table. */
  readonly segmentRowsMin: number;
}

export interface ColumnstoreContext {
  readonly alias: string;
  /** Where the segments of this table live. */
  readonly directory: string;
  readonly options: ColumnstoreOptions;
  readonly readers: SegmentReaders;
  /** Called after a commit that changed the table, for maintenance. */
  readonly changed: () => void;
}

/** Name of the column that carries the file of a row while rows are deleted from segments. */
const segmentFile = 'millrace segment file';

/**
 * Rows in immutable Parquet segments listed by a manifest, plus a hot table for small writes. Every change, the
 * manifest's included, is part of the transaction; segment files are durable before the commit that lists them, and a
 * file that no manifest row lists does not exist.
 */
export class Columnstore implements TableStore, KeyedRows {
  readonly definition: TableDefinition;
  readonly context: ColumnstoreContext;
  /** The hot table. */
  readonly hotTable: string;
  #nextFile = 1;

  constructor(definition: TableDefinition, context: ColumnstoreContext) {
    this.definition = definition;
    this.context = context;
    this.hotTable = engineTableName(context.alias, definition.tableId);
  }

  /** DDL of the hot table. Keys are enforced by this class, not by the engine. */
  static createStatements(definition: TableDefinition, alias: string): string[] {
    const table = engineTableName(alias, definition.tableId);
    return [`CREATE TABLE ${table} (${columnDefinitions(definition.columns).join(', ')})`];
  }

  static dropStatements(definition: TableDefinition, alias: string): string[] {
    const segments = `DELETE FROM ${alias}.millrace.segments WHERE table_id = ${definition.tableId}`;
    return [`DROP TABLE ${engineTableName(alias, definition.tableId)}`, segments];
  }

  /** Removes files that the manifest does not list. To be called before anything is written. */
  async open(connection: EngineConnection): Promise<void> {
    const { directory, alias } = this.context;
    await mkdirDurably(directory);
    const listed = new Set((await this.segments(connection)).map(({ file }) => file));
    for (const name of await readdir(directory)) {
      const sequence = Number(/^(\d+)\.parquet/.exec(name)?.[1] ?? 0);
      this.#nextFile = Math.max(this.#nextFile, sequence + 1);
      if (!listed.delete(name)) await rm(join(directory, name), { force: true });
    }
    const [missing] = listed;
    if (missing !== undefined) {
      throw new MillraceError(
        'STORE_CORRUPT',
        `segment ${missing} of ${alias} is listed but has no file in ${directory}`,
      );
    }
  }

  lockModeOf({ kind }: Operation): LockMode {
    return kind === 'insert' && this.definition.uniqueKeys.length === 0 ? 'shared' : 'exclusive';
  }

  /** The segments in the snapshot of the connection's transaction. */
  async segments(connection: EngineConnection): Promise<Segment[]> {
    const rows = await connection.rows(selectSegments(this.context.alias, this.definition.tableId));
    return rows.map(segmentOf);
  }

  /** A FROM item of the rows of the hot table and the given segments. */
  rowsExpression(segments: readonly Segment[]): string {
    const columns = columnList(this.definition);
    const hot = `SELECT ${columns} FROM ${this.hotTable}`;
    if (segments.length === 0) return `(${hot})`;
    const source = readParquetExpression(segments.map((segment) => this.pathOf(segment)));
    return `(${hot} UNION ALL SELECT ${columns} FROM ${source})`;
  }

  pathOf({ file }: Pick<Segment, 'file'>): string {
    return join(this.context.directory, file);
  }

  async currentRows(transaction: WriteTransaction): Promise<string> {
    return this.rowsExpression(await this.segments(transaction.connection));
  }

  async insert(transaction: WriteTransaction, operation: InsertOperation): Promise<RowCounts> {
    const path = transaction.slicePath(operation.slice);
    const { uniqueKeys } = this.definition;
    if (uniqueKeys.length > 0 && operation.onDuplicate !== 'error') {
      return insertWithPolicy(transaction, this, operation);
    }
    const source = readParquetExpression([path]);
    await requireUnique(transaction, this, source);
    const rowCount = await transaction.integer(
      `SELECT num_rows FROM parquet_file_metadata(${quoteLiteral(path)})`,
    );
    if (rowCount >= BigInt(this.context.options.segmentRowsMin)) {
      if (await this.#hasTableForm(transaction, path)) await this.#adopt(transaction, path, rowCount);
      else await this.insertRows(transaction, `SELECT ${columnList(this.definition)} FROM ${source}`);
    } else {
      await transaction.run(`INSERT INTO ${this.hotTable} BY NAME SELECT * FROM ${source}`);
      transaction.onCommit(this.context.changed);
    }
    return { affectedRows: rowCount, skippedRows: 0n };
  }

  async insertRows(transaction: WriteTransaction, query: string): Promise<number> {
    const count = await transaction.integer(`SELECT count(*) FROM (${query})`);
    if (count === 0n) return 0;
    if (count < BigInt(this.context.options.segmentRowsMin)) {
      await transaction.run(`INSERT INTO ${this.hotTable} (${columnList(this.definition)}) ${query}`);
    } else {
      await this.#requireNotNull(transaction, query);
      await this.writeSegment(transaction, `SELECT * FROM (${query}) ${this.orderBySortKey()}`);
    }
    transaction.onCommit(this.context.changed);
    return Number(count);
  }

  deleteByKey(transaction: WriteTransaction, keysTable: string, columns: readonly string[]): Promise<number> {
    const condition = keysEqual(columns, 'stored', 'given');
    return this.#deleteWhere(transaction, `EXISTS (SELECT 1 FROM ${keysTable} AS given WHERE ${condition})`);
  }

  async update(
    transaction: WriteTransaction,
    { assignments, predicate }: UpdateOperation,
  ): Promise<RowCounts> {
    const change = `${matches(predicate)} AND ${assignmentsChange(this.definition, assignments)}`;
    const columns = assignedColumns(this.definition, assignments).join(', ');
    const current = await this.currentRows(transaction);
    const updated = await transaction.materialize(
      `SELECT ${columns} FROM ${current} AS stored WHERE ${change}`,
    );
    await this.#deleteWhere(transaction, change);
    const keyColumns = new Set(this.definition.uniqueKeys.flatMap((key) => key.columns));
    if (assignments.some(({ column }) => keyColumns.has(column)))
      await requireUnique(transaction, this, updated);
    const count = await this.insertRows(transaction, `SELECT * FROM ${updated}`);
    await transaction.drop(updated);
    return { affectedRows: BigInt(count), skippedRows: 0n };
  }

  async delete(transaction: WriteTransaction, { predicate }: DeleteOperation): Promise<RowCounts> {
    if (predicate === '') {
      const count = await transaction.integer(`SELECT count(*) FROM ${await this.currentRows(transaction)}`);
      await this.truncate(transaction);
      return { affectedRows: count, skippedRows: 0n };
    }
    return {
      affectedRows: BigInt(await this.#deleteWhere(transaction, matches(predicate))),
      skippedRows: 0n,
    };
  }

  async truncate(transaction: WriteTransaction): Promise<RowCounts> {
    await transaction.run(`DELETE FROM ${this.hotTable}`);
    await this.replaceSegments(transaction, await this.segments(transaction.connection));
    return noRows;
  }

  /** Takes segments out of the manifest; their files go when the transaction has committed and nobody reads them. */
  async replaceSegments(transaction: WriteTransaction, segments: readonly Segment[]): Promise<void> {
    if (segments.length === 0) return;
    const files = segments.map(({ file }) => file);
    const removed = await transaction.run(deleteSegments(this.context.alias, this.definition.tableId, files));
    if (removed !== files.length) {
      throw new MillraceError(
        'INTERNAL',
        `${files.length - removed} segments left the manifest of ${this.hotTable}`,
      );
    }
    const paths = segments.map((segment) => this.pathOf(segment));
    transaction.onCommit(() => this.context.readers.retire(paths));
  }

  /** Writes the rows of a query as one durable segment and lists it. */
  async writeSegment(transaction: WriteTransaction, query: string): Promise<void> {
    await this.listSegment(transaction, await this.writeSegmentFile(transaction, query));
  }

  /** Writes the rows of a query as a durable file that is not listed yet; a rollback removes it. */
  async writeSegmentFile(transaction: WriteTransaction, query: string): Promise<Segment> {
    const path = this.#newPath();
    transaction.onRollback(() => rm(path, { force: true }));
    const signal = transaction.signal === undefined ? {} : { signal: transaction.signal };
    const rowCount = await writeParquet(transaction.connection, query, path, signal).catch(
      async (error: unknown) => {
        await rm(path, { force: true });
        throw error;
      },
    );
    return this.#describe(path, BigInt(rowCount));
  }

  /** Makes a durable file a segment of the table. */
  async listSegment(transaction: WriteTransaction, segment: Segment): Promise<void> {
    const { alias } = this.context;
    const path = this.pathOf(segment);
    await transaction.run(insertSegment(alias, this.definition, segment, path, transaction.transactionId));
  }

  /** A file name that was never used in this directory. */
  #newPath(): string {
    const file = `${this.#nextFile.toString().padStart(10, '0')}.parquet`;
    this.#nextFile += 1;
    return join(this.context.directory, file);
  }

  /** Makes a staged slice a segment as it is: a second name for the same file, so that the slice is left for a redo. */
  async #adopt(transaction: WriteTransaction, slicePath: string, rowCount: bigint): Promise<void> {
    const path = this.#newPath();
    transaction.onRollback(() => rm(path, { force: true }));
    await link(slicePath, path).catch((error: unknown) => {
      throw fileErrorOf(error, `linking segment ${path}`);
    });
    await this.listSegment(transaction, await this.#describe(path, rowCount));
    transaction.onCommit(this.context.changed);
  }

  /** Syncs a segment file and describes it for the manifest. */
  async #describe(path: string, rowCount: bigint): Promise<Segment> {
    await fsyncPath(path).catch((error: unknown) => {
      throw fileErrorOf(error, `writing segment ${path}`);
    });
    await fsyncPath(this.context.directory);
    return { file: basename(path), rowCount, bytes: BigInt((await stat(path)).size) };
  }

  /** Whether a slice can be read as a segment: exactly the table's columns and types, and no NULL where none may be. */
  async #hasTableForm(transaction: WriteTransaction, path: string): Promise<boolean> {
    const described = await transaction.rows(`SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM
      ${readParquetExpression([path])})`);
    const types = new Map(described.map(([name, type]) => [String(name), String(type)]));
    const { columns } = this.definition;
    if (types.size !== columns.length) return false;
    if (columns.some(({ name, type }) => types.get(name) !== duckdbTypeOf(type))) return false;
    const required = columns.filter(({ nullable }) => !nullable).map(({ name }) => name);
    if (required.length === 0) return true;
    const nullable = await transaction.integer(`SELECT count(*) FROM parquet_metadata(${quoteLiteral(path)})
      WHERE list_contains(${quoteLiteralList(required)}, path_in_schema) AND stats_null_count IS DISTINCT FROM 0`);
    return nullable === 0n;
  }

  async #requireNotNull(transaction: WriteTransaction, query: string): Promise<void> {
    for (const { name, nullable } of this.definition.columns) {
      if (nullable) continue;
      const column = quoteIdentifier(name);
      const nulls = await transaction.integer(`SELECT count(*) FROM (${query}) WHERE ${column} IS NULL`);
      if (nulls > 0n) throw new MillraceError('NOT_NULL', `NULL for NOT NULL column ${column}`);
    }
  }

  /** An ORDER BY clause with NULL before every value, as in MySQL; empty without a sort key. */
  orderBySortKey(): string {
    const { sortKey } = this.definition;
    const order = sortKey.map(
      ({ column, descending }) =>
        `${quoteIdentifier(column)} ${descending ? 'DESC NULLS LAST' : 'ASC NULLS FIRST'}`,
    );
    return order.length === 0 ? '' : `ORDER BY ${order.join(', ')}`;
  }

  /** Deletes rows of the hot table and rewrites the segments that have rows to delete. Returns the rows deleted. */
  async #deleteWhere(transaction: WriteTransaction, condition: string): Promise<number> {
    let deleted = await transaction.run(`DELETE FROM ${this.hotTable} AS stored WHERE ${condition}`);
    const segments = await this.segments(transaction.connection);
    if (segments.length === 0) return deleted;
    const paths = quoteLiteralList(segments.map((segment) => this.pathOf(segment)));
    const file = quoteIdentifier(segmentFile);
    const touched = await transaction.rows(`SELECT ${file}, count(*) FROM
      read_parquet(${paths}, hive_partitioning = false, filename = ${quoteLiteral(segmentFile)}) AS stored
      WHERE ${condition} GROUP BY ${file}`);
    for (const [path, count] of touched) {
      const segment = segments.find((candidate) => this.pathOf(candidate) === path);
      if (segment === undefined)
        throw new MillraceError('INTERNAL', `segment ${String(path)} is not in the manifest`);
      deleted += Number(count);
      await this.replaceSegments(transaction, [segment]);
      if (BigInt(Number(count)) === segment.rowCount) continue;
      // The rows left keep their order, which is that of the sort key.
      const rest = `SELECT ${columnList(this.definition)} FROM read_parquet(${quoteLiteral(String(path))},
        hive_partitioning = false, file_row_number = true) AS stored WHERE NOT (${condition}) ORDER BY file_row_number`;
      await this.writeSegment(transaction, rest);
    }
    transaction.onCommit(this.context.changed);
    return deleted;
  }
}
