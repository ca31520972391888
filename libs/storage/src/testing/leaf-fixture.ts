import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Engine, type EngineConnection, openEngine } from '@millrace/engine/duckdb-instance';
import { writeParquet } from '@millrace/engine/parquet';
import { isMillraceError } from '@millrace/errors/millrace-error';
import { silentLogger } from '@millrace/runtime/logger';
import { rowsOf, type ScalarValue } from '@millrace/values/column-batch';
import type { SqlType } from '@millrace/values/sql-type';
import { createLeaf, type Leaf, type LeafOptions } from '../leaf.ts';
import type { TableDefinition } from '../schema/table-definition.ts';
import type { SegmentFilter } from '../tables/segment-manifest.ts';
import type { Operation, RowCounts } from '../transactions/operation.ts';
import type { Outcome } from '../transactions/participants.ts';

const gibibyte = 1024 ** 3;

/** Segments and hot tables from a few rows on, so that small tests reach every path. */
export const smallSegments = {
  segmentRowsMin: 3,
  maintenance: { hotRowsMax: 4, segmentRowsTarget: 64, mergeSegmentsMin: 2 },
};

/** The code of the MillraceError that work ends with; some other text when it does not. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return isMillraceError(error) ? error.code : `no MillraceError: ${String(error)}`;
}

export const integer: SqlType = { kind: 'int', unsigned: false };
export const bigint: SqlType = { kind: 'bigint', unsigned: false };
export const text: SqlType = { kind: 'varchar', length: 1000 };

/** A table `id INT, u INT, v VARCHAR(1000)` of database 1, rowstore and without keys unless told otherwise. */
export function tableDefinition(overrides: Partial<TableDefinition> = {}): TableDefinition {
  return {
    tableId: 1n,
    name: 't',
    kind: 'rowstore',
    reference: false,
    columns: [
      { name: 'id', type: integer, nullable: false },
      { name: 'u', type: integer, nullable: true },
      { name: 'v', type: text, nullable: true },
    ],
    uniqueKeys: [],
    indexes: [],
    shardKey: [],
    sortKey: [],
    ...overrides,
  };
}

export interface FixtureOptions {
  readonly dataDir?: string;
  readonly leaf?: Partial<LeafOptions>;
  readonly outcomes?: ReadonlyMap<bigint, Outcome>;
}

/** A leaf in a temporary directory and an engine beside it that writes slices, as a sender would. For tests. */
export class LeafFixture {
  readonly directory: string;
  readonly leaf: Leaf;
  /** What the aggregator answers; pending when absent. */
  readonly outcomes: Map<bigint, Outcome>;
  readonly #sender: Engine;
  readonly #connection: EngineConnection;
  #nextTransaction = 1n;
  #nextFile = 1;
  #schemaVersion = 0n;

  private constructor(
    directory: string,
    leaf: Leaf,
    outcomes: Map<bigint, Outcome>,
    sender: Engine,
    connection: EngineConnection,
  ) {
    this.directory = directory;
    this.leaf = leaf;
    this.outcomes = outcomes;
    this.#sender = sender;
    this.#connection = connection;
  }

  static async open(options: FixtureOptions = {}): Promise<LeafFixture> {
    const directory = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'millrace-leaf-')));
    const engineOptions = { threads: 2, memoryLimitBytes: gibibyte, tempDirectory: join(directory, 'temp') };
    const outcomes = new Map(options.outcomes);
    const leaf = createLeaf({
      dataDir: join(directory, 'data'),
      engine: engineOptions,
      clock: () => performance.now(),
      logger: silentLogger,
      resolveOutcomes: async (ids) => new Map(ids.map((id) => [id, outcomes.get(id) ?? 'pending'])),
      ...options.leaf,
    });
    await leaf.start();
    const sender = await openEngine({ ...engineOptions, tempDirectory: join(directory, 'sender-temp') });
    const fixture = new LeafFixture(directory, leaf, outcomes, sender, await sender.connect());
    for (const { schemaVersion } of await leaf.status()) fixture.#schemaVersion = schemaVersion;
    return fixture;
  }

  /** Stops the leaf and opens another one on the same directory. */
  async reopen(options: FixtureOptions = {}): Promise<LeafFixture> {
    await this.stop();
    const next = await LeafFixture.open({ outcomes: this.outcomes, ...options, dataDir: this.directory });
    next.#nextTransaction = this.#nextTransaction;
    return next;
  }

  async stop(): Promise<void> {
    await this.leaf.stop();
    this.#connection.close();
    this.#sender.close();
  }

  async close(): Promise<void> {
    await this.stop();
    await rm(this.directory, { recursive: true, force: true });
  }

  async applySchema(tables: readonly TableDefinition[], ordinals: readonly number[] = [0]): Promise<void> {
    this.#schemaVersion += 1n;
    await this.leaf.applySchema({ databaseId: 1n, schemaVersion: this.#schemaVersion, ordinals, tables });
  }

  get schemaVersion(): bigint {
    return this.#schemaVersion;
  }

  newTransaction(): bigint {
    return this.#nextTransaction++;
  }

  /** Stages the rows of a query (in the sender's engine) as a slice. */
  async stage(transactionId: bigint, query: string, slice = 's', ordinal = 0): Promise<void> {
    const path = join(this.directory, `sender-${process.pid}-${this.#nextFile++}.parquet`);
    await writeParquet(this.#connection, query, path);
    const header = {
      transactionId,
      partition: { databaseId: 1n, ordinal },
      slice,
      pipelineId: 0n,
      epoch: 0n,
    };
    await this.leaf.stage(header, createReadStream(path));
    await rm(path);
  }

  prepare(
    transactionId: bigint,
    operations: readonly Operation[],
    { onePhase = false, ordinal = 0, lockWaitMs = 2_000, signal = new AbortController().signal } = {},
  ): Promise<RowCounts> {
    const partition = { databaseId: 1n, ordinal };
    const record = { transactionId, partition, schemaVersion: this.#schemaVersion, operations };
    return this.leaf.prepare(record, { onePhase, lockWaitMs, signal });
  }

  /** Runs operations as a transaction of their own on one partition. */
  run(...operations: readonly Operation[]): Promise<RowCounts> {
    return this.prepare(this.newTransaction(), operations, { onePhase: true });
  }

  /** Inserts the rows of a query into table 1 in a transaction of its own. */
  async insert(
    query: string,
    options: Partial<Extract<Operation, { kind: 'insert' }>> & { ordinal?: number } = {},
  ): Promise<RowCounts> {
    const { ordinal = 0, ...operation } = options;
    const transactionId = this.newTransaction();
    await this.stage(transactionId, query, 's', ordinal);
    return this.prepare(transactionId, [insertOperation(operation)], { onePhase: true, ordinal });
  }

  /** All rows of a query in which `$` stands for the table. */
  async rows(
    query: string,
    types: readonly SqlType[],
    ordinals: readonly number[] = [],
    tableId = 1n,
    filter?: SegmentFilter,
  ): Promise<ScalarValue[][]> {
    const parts = query.split('$').flatMap((part, index) => {
      const piece = { kind: 'text' as const, text: part };
      const table = { kind: 'table' as const, tableId, ...(filter === undefined ? {} : { filter }) };
      return index === 0 ? [piece] : [table, piece];
    });
    const fragment = { databaseId: 1n, schemaVersion: this.#schemaVersion, ordinals, parts };
    const rows: ScalarValue[][] = [];
    for await (const batch of this.leaf.queryBatches(fragment, types, 0, new AbortController().signal)) {
      rows.push(...rowsOf(batch));
    }
    return rows;
  }

  /** The rows of a table as `id,u,v` texts, ordered. */
  async contents(ordinals: readonly number[] = [], tableId = 1n): Promise<string[]> {
    const rows = await this.rows(
      'SELECT id, u, v FROM $ AS t ORDER BY ALL',
      [integer, integer, text],
      ordinals,
      tableId,
    );
    return rows.map((row) => row.map((value) => (value === null ? 'NULL' : String(value))).join(','));
  }
}

export function insertOperation(
  overrides: Partial<Extract<Operation, { kind: 'insert' }>> = {},
): Extract<Operation, { kind: 'insert' }> {
  return { kind: 'insert', tableId: 1n, slice: 's', onDuplicate: 'error', assignments: [], ...overrides };
}

/** A query of literal rows `id, u, v`. */
export function literalRows(rows: readonly (readonly [number, number | null, string | null])[]): string {
  if (rows.length === 0) return `SELECT 0::INTEGER AS id, 0::INTEGER AS u, ''::VARCHAR AS v WHERE false`;
  const selects = rows.map(
    ([id, u, v], index) =>
      `SELECT ${index} AS n, ${id}::INTEGER AS id, ${u ?? 'NULL'}::INTEGER AS u, ${v === null ? 'NULL' : `'${v}'`}::VARCHAR AS v`,
  );
  return `SELECT id, u, v FROM (${selects.join(' UNION ALL ')}) ORDER BY n`;
}
