import type { EngineConnection } from '@millrace/engine/duckdb-instance';
import { quoteIdentifier, quoteLiteral, quoteQualifiedName } from '@millrace/engine/sql-text';
import { MillraceError } from '@millrace/errors/millrace-error';
import {
  decodeTableDefinition,
  encodeTableDefinition,
  formatPartitionId,
  type PartitionId,
  referenceOrdinal,
  type TableDefinition,
} from '../schema/table-definition.ts';
import { Columnstore, type ColumnstoreOptions } from '../tables/columnstore.ts';
import { Rowstore } from '../tables/rowstore.ts';
import type { SegmentMaintenance } from '../tables/segment-maintenance.ts';
import { manifestStatements } from '../tables/segment-manifest.ts';
import type { SegmentReaders } from '../tables/segment-readers.ts';
import { partitionAlias } from '../tables/table-store.ts';
import type { RowCounts } from '../transactions/operation.ts';
import type { AppliedTransactions } from './applied-transactions.ts';
import { appliedDefinition, readApplied } from './applied-transactions.ts';
import {
  attachPartitionFile,
  createPartitionFile,
  partitionLogIn,
  removeOrphanSegments,
  removePartitionDirectory,
  segmentDirectoryIn,
} from './partition-file.ts';
import { type LockMode, partitionGate, TableLocks } from './table-locks.ts';

export interface PartitionContext {
  readonly directory: string;
  readonly columnstore: ColumnstoreOptions;
  readonly readers: SegmentReaders;
  readonly maintenance: SegmentMaintenance;
}

export type AnyTable = Rowstore | Columnstore;

export interface PartitionTable {
  readonly store: AnyTable;
  /** Schema version that created the table. */
  readonly sinceVersion: bigint;
}

/** How long DDL waits for transactions that hold a table it drops. */
const dropLockWaitMs = 30_000;

/** One DuckDB file, attached to the leaf's instance, with its tables, locks and applied transactions. */
export class Partition {
  readonly id: PartitionId;
  readonly alias: string;
  readonly locks = new TableLocks();
  readonly #context: PartitionContext;
  readonly #tables = new Map<bigint, PartitionTable>();
  #applied: AppliedTransactions;
  #schemaVersion = 0n;
  #attached = true;

  private constructor(id: PartitionId, context: PartitionContext, applied: AppliedTransactions) {
    this.id = id;
    this.alias = partitionAlias(id);
    this.#context = context;
    this.#applied = applied;
  }

  /**
   * Attaches the partition's file, which replays its log, and makes it when it does not exist. Throws STORE_CORRUPT when
   * it cannot be read.
   */
  static async open(
    id: PartitionId,
    context: PartitionContext,
    connection: EngineConnection,
  ): Promise<Partition> {
    const alias = partitionAlias(id);
    await createPartitionFile(connection, alias, context.directory);
    await attachPartitionFile(connection, alias, context.directory);
    try {
      await inTransaction(connection, async () => {
        await connection.run(`CREATE SCHEMA IF NOT EXISTS ${quoteQualifiedName(alias, 'millrace')}`);
        for (const definition of systemTables(alias)) await connection.run(definition);
      });
      const partition = new Partition(id, context, await readApplied(connection, alias));
      await partition.#readSchema(connection);
      return partition;
    } catch (error) {
      // For the next attempt, which attaches it again.
      await connection.run(`DETACH ${quoteIdentifier(alias)}`).catch(() => undefined);
      throw error;
    }
  }

  get schemaVersion(): bigint {
    return this.#schemaVersion;
  }

  /** The write-ahead log beside the partition's file. */
  get logPath(): string {
    return partitionLogIn(this.#context.directory);
  }

  get directory(): string {
    return this.#context.directory;
  }

  get tables(): ReadonlyMap<bigint, PartitionTable> {
    return this.#tables;
  }

  get applied(): AppliedTransactions {
    return this.#applied;
  }

  /**
   * The table as a statement planned at `schemaVersion` knows it. Throws SCHEMA_CHANGED when the table was created later
   * or is gone, or the leaf has not that version yet.
   */
  table(tableId: bigint, schemaVersion: bigint): AnyTable {
    const table = this.#tables.get(tableId);
    if (table === undefined || table.sinceVersion > schemaVersion || schemaVersion > this.#schemaVersion) {
      throw new MillraceError(
        'SCHEMA_CHANGED',
        `table ${tableId} is not in schema version ${schemaVersion} of partition ${formatPartitionId(this.id)}`,
        { detail: `the partition has version ${this.#schemaVersion}` },
      );
    }
    return table.store;
  }

  /**
   * Creates and drops tables so that the partition has `definitions`, in one engine transaction. A version that is not
   * newer changes nothing. Waits for transactions that hold a table to drop.
   */
  async applySchema(
    version: bigint,
    definitions: readonly TableDefinition[],
    connection: EngineConnection,
  ): Promise<void> {
    if (version <= this.#schemaVersion) return;
    const mine = definitions.filter(({ reference }) => reference === (this.id.ordinal === referenceOrdinal));
    const wanted = new Map(mine.map((definition) => [definition.tableId, definition]));
    const dropped = [...this.#tables.values()]
      .map(({ store }) => store)
      .filter(({ definition }) => !wanted.has(definition.tableId));
    const created = mine.filter(({ tableId }) => !this.#tables.has(tableId));
    const locks = new Map<bigint, LockMode>([[partitionGate, 'shared']]);
    for (const { definition } of dropped) locks.set(definition.tableId, 'exclusive');
    const release = await this.locks.acquireAll(locks, { timeoutMs: dropLockWaitMs });
    try {
      await inTransaction(connection, async () => {
        for (const statement of this.#schemaStatements(version, dropped, created))
          await connection.run(statement);
      });
      this.#schemaVersion = version;
      for (const store of dropped) await this.#forget(store);
      for (const definition of created) await this.#openTable(definition, version, connection);
    } finally {
      release();
    }
  }

  /** Records, in the open transaction of `connection`, that a transaction is applied. */
  async recordApplied(connection: EngineConnection, transactionId: bigint, counts: RowCounts): Promise<void> {
    await this.#applied.record(connection, transactionId, counts);
  }

  /**
   * Attaches the file again after the engine gave it up (see `isDatabaseInvalidated`). Fails with LEAF_UNAVAILABLE while
   * a statement or transaction still holds it.
   */
  async reattach(connection: EngineConnection): Promise<void> {
    if (this.#attached) await connection.run(`DETACH ${quoteIdentifier(this.alias)}`);
    this.#attached = false;
    await attachPartitionFile(connection, this.alias, this.#context.directory);
    this.#attached = true;
    this.#applied = await readApplied(connection, this.alias);
  }

  /** Detaches the file. Statements that still run on it keep it open until they end. */
  async close(connection: EngineConnection): Promise<void> {
    for (const { store } of this.#tables.values()) {
      if (store instanceof Columnstore) await this.#context.maintenance.forget(store);
    }
    await connection.run(`DETACH ${quoteIdentifier(this.alias)}`);
  }

  /** Detaches and removes the file and everything beside it. */
  async drop(connection: EngineConnection): Promise<void> {
    await this.close(connection);
    await removePartitionDirectory(this.#context.directory);
  }

  #schemaStatements(
    version: bigint,
    dropped: readonly AnyTable[],
    created: readonly TableDefinition[],
  ): string[] {
    const tables = quoteQualifiedName(this.alias, 'millrace', 'tables');
    const kinds = { rowstore: Rowstore, columnstore: Columnstore };
    return [
      ...dropped.flatMap(({ definition }) => [
        ...kinds[definition.kind].dropStatements(definition, this.alias),
        `DELETE FROM ${tables} WHERE table_id = ${definition.tableId}`,
      ]),
      ...created.flatMap((definition) => [
        ...kinds[definition.kind].createStatements(definition, this.alias),
        `INSERT INTO ${tables} VALUES (${definition.tableId}, ${version}, ${quoteLiteral(encodeTableDefinition(definition))})`,
      ]),
      `DELETE FROM ${quoteQualifiedName(this.alias, 'millrace', 'schema_version')}`,
      `INSERT INTO ${quoteQualifiedName(this.alias, 'millrace', 'schema_version')} VALUES (${version})`,
    ];
  }

  async #readSchema(connection: EngineConnection): Promise<void> {
    const version = quoteQualifiedName(this.alias, 'millrace', 'schema_version');
    const [row] = await connection.rows(`SELECT version FROM ${version}`);
    this.#schemaVersion = BigInt(String(row?.[0] ?? 0));
    const tables = quoteQualifiedName(this.alias, 'millrace', 'tables');
    const definitions = await connection.rows(`SELECT since_version, definition FROM ${tables}`);
    for (const [since, definition] of definitions) {
      await this.#openTable(decodeTableDefinition(String(definition)), BigInt(String(since)), connection);
    }
    await removeOrphanSegments(this.#context.directory, new Set(this.#tables.keys()));
  }

  async #openTable(
    definition: TableDefinition,
    sinceVersion: bigint,
    connection: EngineConnection,
  ): Promise<void> {
    const store =
      definition.kind === 'rowstore' ? new Rowstore(definition, this.alias) : this.#columnstore(definition);
    if (store instanceof Columnstore) await store.open(connection);
    this.#tables.set(definition.tableId, { store, sinceVersion });
  }

  #columnstore(definition: TableDefinition): Columnstore {
    const { columnstore: options, readers, maintenance } = this.#context;
    const store: Columnstore = new Columnstore(definition, {
      alias: this.alias,
      directory: this.#segmentDirectory(definition),
      options,
      readers,
      changed: () => maintenance.schedule(store, this.locks),
    });
    return store;
  }

  #segmentDirectory({ tableId }: TableDefinition): string {
    return segmentDirectoryIn(this.#context.directory, tableId);
  }

  async #forget(store: AnyTable): Promise<void> {
    this.#tables.delete(store.definition.tableId);
    if (!(store instanceof Columnstore)) return;
    await this.#context.maintenance.forget(store);
    this.#context.readers.retire([this.#segmentDirectory(store.definition)]);
  }
}

function systemTables(alias: string): string[] {
  return [
    `CREATE TABLE IF NOT EXISTS ${quoteQualifiedName(alias, 'millrace', 'schema_version')} (version UBIGINT NOT NULL)`,
    `CREATE TABLE IF NOT EXISTS ${quoteQualifiedName(alias, 'millrace', 'tables')}
      (table_id UBIGINT NOT NULL, since_version UBIGINT NOT NULL, definition VARCHAR NOT NULL)`,
    appliedDefinition(alias),
    ...manifestStatements(alias),
  ];
}

async function inTransaction(connection: EngineConnection, work: () => Promise<void>): Promise<void> {
  await connection.run('BEGIN TRANSACTION');
  try {
    await work();
    await connection.run('COMMIT');
  } catch (error) {
    await connection.run('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
