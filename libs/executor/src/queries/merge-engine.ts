import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { loadBatches, typedColumnExpression } from '@millrace/engine/batch-appender';
import type { Engine, EngineConnection } from '@millrace/engine/duckdb-instance';
import { readParquetExpression } from '@millrace/engine/parquet';
import { quoteIdentifier } from '@millrace/engine/sql-text';
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
  #lastId = 0;

  /** `directory` must exist and be this engine's alone. */
  constructor(engine: Engine, directory: string) {
    this.#engine = engine;
    this.#directory = directory;
  }

  async open(): Promise<MergeWorkspace> {
    const connection = this.#idle.pop() ?? (await this.#engine.connect());
    this.#lastId += 1;
    return new MergeWorkspace(connection, join(this.#directory, `q${this.#lastId}`), () => {
      if (this.#idle.length < idleConnectionsMax) this.#idle.push(connection);
      else connection.close();
    });
  }

  close(): void {
    for (const connection of this.#idle.splice(0)) connection.close();
  }
}

/** A place to bring rows together: named relations, and the SQL that runs over them. Close it when done. */
export class MergeWorkspace {
  readonly connection: EngineConnection;
  readonly #directory: string;
  readonly #release: () => void;
  readonly #drops: string[] = [];
  #hasDirectory = false;
  #closed = false;

  constructor(connection: EngineConnection, directory: string, release: () => void) {
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

  /** Makes Parquet files readable as one relation. */
  async addParquet(name: string, paths: readonly string[]): Promise<void> {
    await this.addView(name, `SELECT * FROM ${readParquetExpression(paths)}`);
  }

  async addView(name: string, sql: string): Promise<void> {
    await this.connection.run(`CREATE TEMP VIEW ${quoteIdentifier(name)} AS ${sql}`);
    this.#drops.push(`VIEW ${quoteIdentifier(name)}`);
  }

  async addTable(name: string, sql: string, signal: AbortSignal): Promise<void> {
    await this.connection.run(`CREATE TEMP TABLE ${quoteIdentifier(name)} AS ${sql}`, [], signal);
    this.#drops.push(`TABLE ${quoteIdentifier(name)}`);
  }

  async addVirtualTable(name: string, table: VirtualTable): Promise<void> {
    const raw = `${name} values`;
    await loadBatches(this.connection, raw, table.columns, batchesOf(table));
    this.#drops.push(`TABLE ${quoteIdentifier(raw)}`);
    const columns = table.columns.map(({ name: column, type }) => {
      const quoted = quoteIdentifier(column);
      return `${typedColumnExpression(type, quoted)} AS ${quoted}`;
    });
    await this.addView(name, `SELECT ${columns.join(', ')} FROM ${quoteIdentifier(raw)}`);
  }

  /** Drops everything and gives the connection back. The connection must not be busy. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      const drops = this.#drops.splice(0).reverse();
      if (drops.length > 0) await this.connection.run(drops.map((what) => `DROP ${what}`).join('; '));
      this.#release();
    } catch {
      // A connection that cannot drop its own tables is of no more use.
      this.connection.close();
    }
    if (this.#hasDirectory) await rm(this.#directory, { recursive: true, force: true });
  }
}
