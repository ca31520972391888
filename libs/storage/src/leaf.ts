import { mkdir, rm } from 'node:fs/promises';
import { isDatabaseInvalidated } from '@millrace/engine/duckdb-error';
import {
  type Engine,
  type EngineConnection,
  type EngineOptions,
  openEngine,
} from '@millrace/engine/duckdb-instance';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { Logger } from '@millrace/runtime/logger';
import type { ColumnBatch } from '@millrace/values/column-batch';
import type { SqlType } from '@millrace/values/sql-type';
import type { CrashHook } from './crash-point.ts';
import { DataLayout, directoryBytes } from './data-layout.ts';
import {
  Checkpointer,
  type CheckpointerOptions,
  defaultCheckpointerOptions,
} from './partitions/checkpointer.ts';
import { Partition } from './partitions/partition.ts';
import { PartitionRepair } from './partitions/partition-repair.ts';
import type { FragmentPart, SegmentCounts } from './queries/fragment-sql.ts';
import type { EngineRows } from './queries/overflow.ts';
import { type Fragment, QueryRunner } from './queries/query-runner.ts';
import {
  formatPartitionId,
  type PartitionId,
  referenceOrdinal,
  type TableDefinition,
} from './schema/table-definition.ts';
import {
  defaultMaintenanceOptions,
  type MaintenanceOptions,
  SegmentMaintenance,
} from './tables/segment-maintenance.ts';
import { SegmentReaders } from './tables/segment-readers.ts';
import type { RedoRecord, RowCounts } from './transactions/operation.ts';
import type { PrepareOptions } from './transactions/participant.ts';
import { type Decision, type Outcome, Participants } from './transactions/participants.ts';
import { type StagedSlice, StagingArea } from './transactions/staging-area.ts';
import { WriteConnections } from './transactions/write-connections.ts';

export interface LeafOptions {
  readonly dataDir: string;
  /** The leaf's own temporary directory: what a killed process left there is removed. */
  readonly engine: Pick<EngineOptions, 'threads' | 'memoryLimitBytes' | 'tempDirectory'>;
  /** Milliseconds, from any fixed point. */
  readonly clock: () => number;
  readonly logger: Logger;
  /** Asks the aggregator how transactions ended. */
  readonly resolveOutcomes: (transactionIds: readonly bigint[]) => Promise<ReadonlyMap<bigint, Outcome>>;
  readonly crashPoint?: CrashHook;
  /** Queries that run at a time, and that wait for a place. */
  readonly queriesMax?: number;
  readonly queriesWaitingMax?: number;
  readonly transactionsMax?: number;
  /** A transaction without news for so long is asked about. */
  readonly silenceMsMax?: number;
  /** Fewest rows of a columnstore slice that becomes a segment as it is. */
  readonly segmentRowsMin?: number;
  readonly maintenance?: Partial<MaintenanceOptions>;
  readonly checkpointer?: Partial<CheckpointerOptions>;
}

export interface ApplySchema {
  readonly databaseId: bigint;
  readonly schemaVersion: bigint;
  /** Partitions that this leaf owns. */
  readonly ordinals: readonly number[];
  readonly tables: readonly TableDefinition[];
}

export interface QueryFragment {
  readonly databaseId: bigint;
  readonly schemaVersion: bigint;
  /** Empty: all partitions on this leaf; -1: reference tables only. */
  readonly ordinals: readonly number[];
  readonly parts: readonly FragmentPart[];
}

export interface PartitionStatus {
  readonly id: PartitionId;
  readonly schemaVersion: bigint;
  readonly preparedTransactions: number;
  readonly bytes: bigint;
}

/** Makes a leaf; nothing is read or written before `start`. */
export function createLeaf(options: LeafOptions): Leaf {
  return new Leaf(options);
}

/** The storage of one leaf: its partitions, their transactions and the queries over them. */
export class Leaf {
  readonly #options: LeafOptions;
  readonly #layout: DataLayout;
  readonly #partitions = new Map<string, Partition>();
  readonly #readers = new SegmentReaders();
  #schemaChange: Promise<unknown> = Promise.resolve();
  #running: RunningLeaf | undefined;
  #draining = false;

  constructor(options: LeafOptions) {
    this.#options = options;
    this.#layout = new DataLayout(options.dataDir);
  }

  /** Opens every partition, which replays its log, then starts to resolve what a crash left undecided. */
  async start(): Promise<void> {
    const options = this.#options;
    await mkdir(options.dataDir, { recursive: true });
    await rm(options.engine.tempDirectory, { recursive: true, force: true });
    const engine = await openEngine(options.engine);
    const crashPoint = options.crashPoint ?? (() => undefined);
    const { logger } = options;
    const maintenanceOptions = { ...defaultMaintenanceOptions, ...options.maintenance };
    const maintenance = new SegmentMaintenance(engine, maintenanceOptions, logger, crashPoint);
    const pool = { connectionsMax: options.queriesMax ?? 8, waitingMax: options.queriesWaitingMax ?? 256 };
    const queries = new QueryRunner(engine, pool, this.#readers, this.#layout.results);
    const staging = new StagingArea(this.#layout);
    const connections = new WriteConnections(engine);
    const repair = new PartitionRepair(engine, logger, (partition) => participants.suspend(partition));
    const invalidated = (partition: Partition): void => repair.schedule(partition);
    const checkpointerOptions = { ...defaultCheckpointerOptions, ...options.checkpointer };
    const checkpointer = new Checkpointer(engine, checkpointerOptions, logger, invalidated);
    const committed = (partition: Partition): void => checkpointer.schedule(partition);
    const participants: Participants = new Participants(
      { connections, staging, logger, crashPoint, committed, invalidated },
      {
        resolveOutcomes: options.resolveOutcomes,
        clock: options.clock,
        silenceMsMax: options.silenceMsMax ?? 30_000,
        preparedMax: options.transactionsMax ?? 1_000,
      },
    );
    const connection = await engine.connect();
    // The checkpointer decides when; see there.
    await connection.run(`SET wal_autocheckpoint = '1000TB'`);
    this.#running = {
      engine,
      connection,
      maintenance,
      queries,
      participants,
      repair,
      checkpointer,
      connections,
    };
    await queries.start();
    for (const id of await this.#layout.partitions()) await this.#openPartition(id, this.#running);
    await participants.start((id) => this.#partitions.get(formatPartitionId(id)));
    logger.info('leaf storage is open', { partitions: this.#partitions.size });
  }

  /** Refuses new transactions and queries; what runs goes on. */
  drain(): void {
    this.#draining = true;
  }

  /** Ends everything and closes the files. Prepared transactions stay prepared for the next start. */
  async stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#draining = true;
    this.#running = undefined;
    running.queries.close();
    await running.repair.stop();
    await running.checkpointer.stop();
    await running.participants.stop();
    running.connections.close();
    await running.maintenance.stop();
    for (const partition of this.#partitions.values())
      await partition.close(running.connection).catch(() => undefined);
    this.#partitions.clear();
    running.connection.close();
    running.engine.close();
  }

  /** Makes the partitions and tables of a database equal to the request; returns the version that the leaf then has. */
  applySchema(request: ApplySchema): Promise<bigint> {
    return this.#changeSchema(async (running) => {
      const current = this.#partitionsOf(request.databaseId);
      const newest = current.reduce(
        (max, { schemaVersion }) => (schemaVersion > max ? schemaVersion : max),
        0n,
      );
      if (request.schemaVersion < newest) return newest;
      const wanted = new Set([...request.ordinals, ...(needsReference(request) ? [referenceOrdinal] : [])]);
      for (const partition of current) {
        if (!wanted.has(partition.id.ordinal)) await this.#dropPartition(partition, running);
      }
      for (const ordinal of wanted) {
        const id = { databaseId: request.databaseId, ordinal };
        const partition =
          this.#partitions.get(formatPartitionId(id)) ?? (await this.#openPartition(id, running));
        await partition.applySchema(request.schemaVersion, request.tables, running.connection);
      }
      return request.schemaVersion;
    });
  }

  dropDatabase(databaseId: bigint): Promise<void> {
    return this.#changeSchema(async (running) => {
      for (const partition of this.#partitionsOf(databaseId)) await this.#dropPartition(partition, running);
      await rm(this.#layout.database(databaseId), { recursive: true, force: true });
    });
  }

  /** Receives one slice into the staging area and makes it durable; nothing is visible yet. */
  stage(
    slice: {
      readonly transactionId: bigint;
      readonly partition: PartitionId;
      readonly slice: string;
      readonly pipelineId: bigint;
      readonly epoch: bigint;
    },
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<StagedSlice> {
    const { participants } = this.#serving();
    this.#partition(slice.partition);
    return participants.stage(slice.transactionId, slice.slice, slice, chunks);
  }

  /** Runs the operations of a transaction on one partition and keeps them ready for the decision. */
  prepare(record: RedoRecord, options: PrepareOptions): Promise<RowCounts> {
    const { participants } = this.#serving();
    return participants.prepare(record, this.#partition(record.partition), options);
  }

  /** Applies or drops everything of a transaction on this leaf. Idempotent. Works while draining. */
  async decide(transactionId: bigint, decision: Decision): Promise<void> {
    const { participants } = this.#open();
    if (decision === 'commit' && !participants.has(transactionId) && !this.#isApplied(transactionId)) {
      this.#options.logger.warn('told to commit a transaction that is not prepared here', {
        transaction: transactionId,
      });
    }
    await participants.decide(transactionId, decision);
  }

  queryBatches(
    query: QueryFragment,
    types: readonly SqlType[],
    batchRows: number,
    signal: AbortSignal,
  ): AsyncIterable<ColumnBatch> {
    const fragment = this.#fragment(query);
    return this.#repairing(fragment, this.#serving().queries.batches(fragment, types, batchRows, signal));
  }

  /** The rows for another engine. */
  queryRows(query: QueryFragment, signal: AbortSignal): AsyncIterable<EngineRows> {
    const fragment = this.#fragment(query);
    return this.#repairing(fragment, this.#serving().queries.rows(fragment, signal));
  }

  /** Open partitions, reference copies included. */
  get partitionCount(): number {
    return this.#partitions.size;
  }

  async status(): Promise<PartitionStatus[]> {
    const { participants } = this.#open();
    const partitions = [...this.#partitions.values()];
    return Promise.all(
      partitions.map(async ({ id, schemaVersion, directory }) => ({
        id,
        schemaVersion,
        preparedTransactions: participants.unresolved(id),
        bytes: await directoryBytes(directory),
      })),
    );
  }

  /** Transactions prepared here whose outcome the leaf does not know; none when it is not running. */
  openTransactions(): bigint[] {
    return this.#running?.participants.open() ?? [];
  }

  /** Segments that queries have read and passed over since the start. */
  segmentCounts(): Readonly<SegmentCounts> {
    return this.#running?.queries.segmentCounts ?? { read: 0, skipped: 0 };
  }

  /** Resolves when no columnstore maintenance is due. */
  async maintenanceIdle(): Promise<void> {
    await this.#running?.maintenance.idle();
  }

  #open(): RunningLeaf {
    if (this.#running === undefined) throw new MillraceError('SHUTTING_DOWN', 'the leaf is not running');
    return this.#running;
  }

  #serving(): RunningLeaf {
    if (this.#draining) throw new MillraceError('SHUTTING_DOWN', 'the leaf is stopping');
    return this.#open();
  }

  #partition(id: PartitionId): Partition {
    const partition = this.#partitions.get(formatPartitionId(id));
    if (partition !== undefined) return partition;
    // The aggregator's map is newer than this leaf, or older: both pass.
    throw new MillraceError('SCHEMA_CHANGED', `partition ${formatPartitionId(id)} is not on this leaf`);
  }

  #partitionsOf(databaseId: bigint): Partition[] {
    return [...this.#partitions.values()].filter(({ id }) => id.databaseId === databaseId);
  }

  #isApplied(transactionId: bigint): boolean {
    return [...this.#partitions.values()].some(({ applied }) => applied.get(transactionId) !== undefined);
  }

  #fragment({ databaseId, schemaVersion, ordinals, parts }: QueryFragment): Fragment {
    const reference = this.#partitions.get(formatPartitionId({ databaseId, ordinal: referenceOrdinal }));
    const partitions =
      ordinals.length === 0
        ? this.#partitionsOf(databaseId).filter(({ id }) => id.ordinal !== referenceOrdinal)
        : ordinals
            .filter((ordinal) => ordinal !== referenceOrdinal)
            .map((ordinal) => this.#partition({ databaseId, ordinal }));
    return { schemaVersion, parts, partitions, reference };
  }

  /** Passes a result on; when the engine has given up a partition, the failed query brings it back for the next. */
  async *#repairing<Item>(fragment: Fragment, items: AsyncIterable<Item>): AsyncGenerator<Item> {
    try {
      yield* items;
    } catch (error) {
      if (isDatabaseInvalidated(error)) {
        for (const partition of [...fragment.partitions, fragment.reference]) {
          if (partition !== undefined && String(error).includes(partition.alias))
            this.#running?.repair.schedule(partition);
        }
      }
      throw error;
    }
  }

  async #openPartition(id: PartitionId, { connection, maintenance }: RunningLeaf): Promise<Partition> {
    const partition = await Partition.open(
      id,
      {
        directory: this.#layout.partition(id),
        columnstore: { segmentRowsMin: this.#options.segmentRowsMin ?? 20_000 },
        readers: this.#readers,
        maintenance,
      },
      connection,
    );
    this.#partitions.set(formatPartitionId(id), partition);
    return partition;
  }

  async #dropPartition(partition: Partition, { participants, connection }: RunningLeaf): Promise<void> {
    this.#partitions.delete(formatPartitionId(partition.id));
    await participants.forget(partition);
    await partition.drop(connection);
  }

  /** Schema changes share one connection, so they run one after the other. */
  #changeSchema<Result>(change: (running: RunningLeaf) => Promise<Result>): Promise<Result> {
    const running = this.#serving();
    const next = this.#schemaChange.then(() => change(running));
    this.#schemaChange = next.catch(() => undefined);
    return next;
  }
}

interface RunningLeaf {
  readonly engine: Engine;
  /** For schema changes. */
  readonly connection: EngineConnection;
  readonly maintenance: SegmentMaintenance;
  readonly queries: QueryRunner;
  readonly participants: Participants;
  readonly repair: PartitionRepair;
  readonly checkpointer: Checkpointer;
  readonly connections: WriteConnections;
}

function needsReference({ tables, ordinals }: ApplySchema): boolean {
  return ordinals.includes(referenceOrdinal) || tables.some(({ reference }) => reference);
}
