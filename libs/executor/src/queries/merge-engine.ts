import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { loadBatches, typedColumnExpression } from '@millrace/engine/batch-appender';
import { ChunkAppender, createTemporaryTable } from '@millrace/engine/chunk-table';
import type { Engine, EngineConnection } from '@millrace/engine/duckdb-instance';
import { chunkOfEngineBatch } from '@millrace/engine/engine-batch';
import { readParquetExpression } from '@millrace/engine/parquet';
import { quoteIdentifier } from '@millrace/engine/sql-text';
import type { ResultColumn } from '@millrace/values/column-batch';
import type { EngineBatch } from '@millrace/values/engine-batch';
import { batchesOf, type VirtualTable } from './virtual-table.ts';

const idleConnectionsMax = 8;

/**
 * The aggregator's own engine, in which gathered rows are merged. Each use gets a connection and a directory of its own;
 * temporary tables and views belong to the connection and go with the use.
 */
export class MergeEngine {
  readonly #engine: Engine;
  readonly #directory: string;
  readonly #idle: EngineConnection[] = [];
  readonly #closing = new Set<Promise<void>>();
  #lastId = 0;

  /** `directory` must exist and be this engine's alone. */
  constructor(engine: Engine, directory: string) {
    this.#engine = engine;
    this.#directory = directory;
  }

  async open(): Promise<MergeWorkspace> {
    const connection = this.#idle.pop() ?? (await this.#engine.connect());
    this.#lastId += 1;
    return new MergeWorkspace(connection, join(this.#directory, `q${this.#lastId}`), (cleaned) => {
      const closing = cleaned.then((isClean) => {
        if (isClean && this.#idle.length < idleConnectionsMax) this.#idle.push(connection);
        else connection.close();
        this.#closing.delete(closing);
      });
      this.#closing.add(closing);
    });
  }

  /** Closes idle connections; every workspace must have been closed before. */
  async close(): Promise<void> {
    await Promise.all(this.#closing);
    for (const connection of this.#idle.splice(0)) connection.close();
  }
}

/** A place to bring rows together: named relations, and the SQL that runs over them. Close it when done. */
export class MergeWorkspace {
  readonly connection: EngineConnection;
  readonly #directory: string;
  readonly #release: (cleaned: Promise<boolean>) => void;
  readonly #relations: string[] = [];
  readonly #tables: string[] = [];
  #hasDirectory = false;
  #closed = false;

  constructor(connection: EngineConnection, directory: string, release: (cleaned: Promise<boolean>) => void) {
    this.connection = connection;
    this.#directory = directory;
    this.#release = release;
  }

  /** A directory that goes with the workspace. */
  async directory(): Promise<string> {
    if (!this.#hasDirectory) await mkdir(this.#directory, { recursive: true });
    this.#hasDirectory = true;
    return this.#directory;
  }

  /** Makes room for the rows of fragments, which are then added with {@link addGathered}. */
  async createGathered(relations: readonly GatheredRelation[]): Promise<void> {
    if (relations.length === 0) return;
    this.#tables.push(...relations.map(({ table }) => table));
    await this.connection.run(relations.map(({ ddl }) => ddl).join('; '));
  }

  /** Makes rows that have all come readable as a relation of {@link query}. */
  addGathered(relation: GatheredRelation): void {
    this.#addRelation(relation.name, relation.sql());
  }

  /** Makes rows readable as a relation of {@link query}, with the types of their columns. */
  async addVirtualTable(name: string, table: VirtualTable): Promise<void> {
    const raw = `${name} values`;
    await loadBatches(this.connection, raw, table.columns, batchesOf(table));
    this.#tables.push(raw);
    const columns = table.columns.map(({ name: column, type }) => {
      const quoted = quoteIdentifier(column);
      return `${typedColumnExpression(type, quoted)} AS ${quoted}`;
    });
    this.#addRelation(name, `SELECT ${columns.join(', ')} FROM ${quoteIdentifier(raw)}`);
  }

  /** Stores the rows of SQL in a temporary table. */
  async addTable(name: string, sql: string, signal: AbortSignal): Promise<void> {
    await this.connection.run(`CREATE TEMP TABLE ${quoteIdentifier(name)} AS ${sql}`, [], signal);
    this.#tables.push(name);
  }

  #addRelation(name: string, sql: string): void {
    this.#relations.push(`${quoteIdentifier(name)} AS NOT MATERIALIZED (${sql})`);
  }

  /** The SQL with the relations in view. `sql` is a query without WITH. */
  query(sql: string): string {
    return this.#relations.length === 0 ? sql : `WITH ${this.#relations.join(', ')} ${sql}`;
  }

  /** Drops everything and gives the connection back, in the background. The connection must not be busy. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#release(this.#clean());
  }

  /** Whether the connection can be used again. */
  async #clean(): Promise<boolean> {
    if (this.#hasDirectory)
      await rm(this.#directory, { recursive: true, force: true }).catch(() => undefined);
    if (this.#tables.length === 0) return true;
    const drops = this.#tables.map((name) => `DROP TABLE IF EXISTS temp.main.${quoteIdentifier(name)}`);
    return this.connection.run(drops.join('; ')).then(
      () => true,
      () => false,
    );
  }
}

/** The rows of a fragment as leaves send them: batches go into a temporary table, large results into Parquet files. */
export class GatheredRelation {
  readonly name: string;
  readonly table: string;
  /** Creates the table, before anything is appended. */
  readonly ddl: string;
  readonly #workspace: MergeWorkspace;
  readonly #paths: string[] = [];
  #appender: Promise<ChunkAppender> | undefined;

  constructor(workspace: MergeWorkspace, name: string, columns: readonly ResultColumn[]) {
    this.name = name;
    this.table = `${name} rows`;
    this.ddl = createTemporaryTable(this.table, columns);
    this.#workspace = workspace;
  }

  /** No statement may run on the workspace's connection meanwhile. */
  async append(batch: EngineBatch): Promise<void> {
    this.#appender ??= ChunkAppender.open(this.#workspace.connection, this.table);
    (await this.#appender).append(chunkOfEngineBatch(batch));
  }

  /** Where to put a Parquet file of further rows. */
  async newFile(): Promise<string> {
    const path = join(await this.#workspace.directory(), `${this.name}-${this.#paths.length}.parquet`);
    this.#paths.push(path);
    return path;
  }

  /** Must be called when nothing more comes, also after a failure. */
  async finish(): Promise<void> {
    (await this.#appender)?.finish();
  }

  sql(): string {
    const rows = `SELECT * FROM ${quoteIdentifier(this.table)}`;
    if (this.#paths.length === 0) return rows;
    return `${rows} UNION ALL SELECT * FROM ${readParquetExpression(this.#paths)}`;
  }
}
