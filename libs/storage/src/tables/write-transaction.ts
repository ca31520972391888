import { isDatabaseInvalidated } from '@millrace/engine/duckdb-error';
import type { EngineConnection } from '@millrace/engine/duckdb-instance';
import { readParquetExpression } from '@millrace/engine/parquet';
import type { ScalarValue } from '@millrace/values/column-batch';

/** What changes call the rows of their lookup slice, as leaf.proto says. */
const lookupTable = 'temp.main."millrace lookup"';

type Hook = () => void | Promise<void>;

/**
 * An open engine transaction on one partition. Files that belong to it are tied to its end by hooks; row changes go
 * through its one connection, one statement at a time.
 */
export class WriteTransaction {
  readonly connection: EngineConnection;
  /** 0 for maintenance, which belongs to no transaction of a client. */
  readonly transactionId: bigint;
  readonly signal: AbortSignal | undefined;
  readonly #slicePath: (slice: string) => string;
  readonly #commitHooks: Hook[] = [];
  readonly #rollbackHooks: Hook[] = [];
  #temporaryTables = 0;

  constructor(
    connection: EngineConnection,
    transactionId: bigint,
    slicePath: (slice: string) => string,
    signal?: AbortSignal,
  ) {
    this.connection = connection;
    this.transactionId = transactionId;
    this.#slicePath = slicePath;
    this.signal = signal;
  }

  slicePath(slice: string): string {
    return this.#slicePath(slice);
  }

  /** Runs a statement; returns the rows it changed. */
  run(sql: string): Promise<number> {
    return this.connection.run(sql, [], this.signal);
  }

  rows(sql: string): Promise<ScalarValue[][]> {
    return this.connection.rows(sql, this.signal === undefined ? {} : { signal: this.signal });
  }

  /** The single integer a query yields. */
  async integer(sql: string): Promise<bigint> {
    const value = (await this.rows(sql))[0]?.[0];
    return typeof value === 'bigint' ? value : BigInt(String(value ?? 0));
  }

  /** Creates a temporary table from a query; returns its quoted name. It is dropped at the end of the transaction. */
  async materialize(query: string): Promise<string> {
    this.#temporaryTables += 1;
    const name = `temp.main."work_${this.#temporaryTables}"`;
    await this.run(`CREATE TEMP TABLE ${name} AS ${query}`);
    return name;
  }

  async drop(temporaryTable: string): Promise<void> {
    await this.run(`DROP TABLE ${temporaryTable}`);
  }

  /** Runs a change while the rows of a slice can be read as table "millrace lookup". */
  async withLookup<T>(slice: string | undefined, change: () => Promise<T>): Promise<T> {
    if (slice === undefined) return change();
    const rows = readParquetExpression([this.slicePath(slice)]);
    await this.run(`CREATE TEMP TABLE ${lookupTable} AS SELECT * FROM ${rows}`);
    // After a failure the rollback takes the table away.
    const result = await change();
    await this.drop(lookupTable);
    return result;
  }

  onCommit(hook: Hook): void {
    this.#commitHooks.push(hook);
  }

  onRollback(hook: Hook): void {
    this.#rollbackHooks.push(hook);
  }

  async begin(): Promise<void> {
    await this.connection.run('BEGIN TRANSACTION');
  }

  /**
   * Commits, then runs the commit hooks. When the engine refuses, the transaction must still be rolled back. When it gives up
   * the partition's file instead, whether the commit holds shows when the file is attached again: until then nothing that
   * belongs to it is removed.
   */
  async commit(): Promise<void> {
    for (; this.#temporaryTables > 0; this.#temporaryTables -= 1) {
      await this.connection.run(`DROP TABLE IF EXISTS temp.main."work_${this.#temporaryTables}"`);
    }
    await this.connection.run('COMMIT').catch((error: unknown) => {
      // Then the log may hold the commit all the same, and with it the names of these files.
      if (isDatabaseInvalidated(error)) this.#rollbackHooks.length = 0;
      throw error;
    });
    for (const hook of this.#commitHooks.splice(0)) await hook();
    this.#rollbackHooks.length = 0;
  }

  /** Rolls back whatever is open and runs the rollback hooks. Never throws for a transaction the engine ended itself. */
  async rollback(): Promise<void> {
    await this.connection.run('ROLLBACK').catch(() => undefined);
    for (const hook of this.#rollbackHooks.splice(0)) await hook();
    this.#commitHooks.length = 0;
  }
}
