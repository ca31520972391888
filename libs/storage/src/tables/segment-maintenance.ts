import type { Engine, EngineConnection } from '@millrace/engine/duckdb-instance';
import { readParquetExpression } from '@millrace/engine/parquet';
import { isMillraceError, type MillraceError } from '@millrace/errors/millrace-error';
import type { Logger } from '@millrace/runtime/logger';
import type { CrashHook } from '../crash-point.ts';
import { type LockMode, partitionGate, type Release, type TableLocks } from '../partitions/table-locks.ts';
import type { Columnstore } from './columnstore.ts';
import type { Segment } from './segment-manifest.ts';
import { columnList } from './table-store.ts';
import { WriteTransaction } from './write-transaction.ts';

export interface MaintenanceOptions {
  /** A hot table of this many rows is spilled into a segment. */
  readonly hotRowsMax: number;
  /** Segments of about this many rows are left alone. */
  readonly segmentRowsTarget: number;
  /** So many segments of similar size are merged into one. */
  readonly mergeSegmentsMin: number;
  /** How long maintenance waits for a table's lock before it leaves the table for the next change. */
  readonly lockWaitMs: number;
}

export const defaultMaintenanceOptions: MaintenanceOptions = {
  hotRowsMax: 65_536,
  segmentRowsTarget: 1_000_000,
  mergeSegmentsMin: 8,
  lockWaitMs: 5_000,
};

/** The table being looked after. */
interface Job {
  readonly connection: EngineConnection;
  readonly table: Columnstore;
  readonly locks: TableLocks;
  readonly signal: AbortSignal;
}

/**
 * Spills hot tables and merges segments, one table at a time, whenever a commit changed a table. A row is rewritten a
 * few times at most: only segments of similar size (within a factor of `mergeSegmentsMin`) are merged together.
 */
export class SegmentMaintenance {
  readonly #engine: Engine;
  readonly #options: MaintenanceOptions;
  readonly #logger: Logger;
  readonly #crashPoint: CrashHook;
  readonly #dirty = new Map<Columnstore, TableLocks>();
  readonly #abort = new AbortController();
  #running: Promise<void> | undefined;
  #current:
    | { readonly table: Columnstore; readonly abort: AbortController; readonly done: Promise<void> }
    | undefined;

  constructor(engine: Engine, options: MaintenanceOptions, logger: Logger, crashPoint: CrashHook) {
    this.#engine = engine;
    this.#options = options;
    this.#logger = logger;
    this.#crashPoint = crashPoint;
  }

  /** Looks after a table soon. */
  schedule(table: Columnstore, locks: TableLocks): void {
    if (this.#abort.signal.aborted) return;
    this.#dirty.set(table, locks);
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Forgets a table that is about to go; resolves when nothing works on it any more. */
  async forget(table: Columnstore): Promise<void> {
    this.#dirty.delete(table);
    if (this.#current?.table !== table) return;
    this.#current.abort.abort();
    await this.#current.done;
  }

  /** Resolves when nothing is left to do. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** Interrupts what runs and does nothing more. */
  async stop(): Promise<void> {
    this.#abort.abort();
    this.#dirty.clear();
    await this.idle();
  }

  async #run(): Promise<void> {
    const connection = await this.#engine.connect();
    try {
      for (;;) {
        const [next] = this.#dirty;
        if (next === undefined) return;
        const [table, locks] = next;
        this.#dirty.delete(table);
        const abort = new AbortController();
        const signal = AbortSignal.any([abort.signal, this.#abort.signal]);
        const done = this.#maintain({ connection, table, locks, signal });
        this.#current = { table, abort, done };
        await done;
        this.#current = undefined;
      }
    } finally {
      connection.close();
    }
  }

  async #maintain(job: Job): Promise<void> {
    try {
      await this.#spill(job);
      while (await this.#merge(job));
    } catch (error) {
      if (job.signal.aborted || isMillraceError(error, 'LOCK_TIMEOUT')) return;
      // Nothing is lost: the rows stay where they are until the next change brings the table back here.
      this.#logger.warn('columnstore maintenance failed', {
        table: job.table.definition.name,
        error: (error as MillraceError).message,
      });
    }
  }

  /** Moves the rows of a full hot table into a segment sorted by the sort key. */
  async #spill(job: Job): Promise<void> {
    const { table } = job;
    const countHot = `SELECT count(*) FROM ${table.hotTable}`;
    const transaction = begin(job);
    if ((await transaction.integer(countHot)) < BigInt(this.#options.hotRowsMax)) return;
    const release = await this.#lock(job);
    try {
      await transaction.begin();
      const columns = columnList(table.definition);
      await table.writeSegment(
        transaction,
        `SELECT ${columns} FROM ${table.hotTable} ${table.orderBySortKey()}`,
      );
      await transaction.run(`DELETE FROM ${table.hotTable}`);
      this.#crashPoint('before-flush-commit');
      await transaction.commit();
      this.#crashPoint('after-flush-commit');
    } catch (error) {
      await transaction.rollback();
      throw error;
    } finally {
      release();
    }
  }

  /** Merges one group of segments; false when there is none to merge. */
  async #merge(job: Job): Promise<boolean> {
    const { table, connection } = job;
    const { readers } = table.context;
    const leave = readers.enter();
    try {
      const sources = segmentsToMerge(await table.segments(connection), this.#options);
      if (sources.length === 0) return false;
      await this.#replace(job, sources);
      return true;
    } finally {
      leave();
    }
  }

  /** Writes the merged segment without a lock; only the swap in the manifest excludes writers. */
  async #replace(job: Job, sources: readonly Segment[]): Promise<void> {
    const { table, connection } = job;
    const paths = sources.map((segment) => table.pathOf(segment));
    const columns = columnList(table.definition);
    const query = `SELECT ${columns} FROM ${readParquetExpression(paths)} ${table.orderBySortKey()}`;
    const transaction = begin(job);
    const merged = await table.writeSegmentFile(transaction, query);
    let release: Release | undefined;
    try {
      release = await this.#lock(job);
      await transaction.begin();
      const listed = new Set((await table.segments(connection)).map(({ file }) => file));
      if (sources.some(({ file }) => !listed.has(file))) {
        await transaction.rollback();
        return;
      }
      await table.replaceSegments(transaction, sources);
      await table.listSegment(transaction, merged);
      this.#crashPoint('before-merge-commit');
      await transaction.commit();
      this.#crashPoint('after-merge-commit');
    } catch (error) {
      await transaction.rollback();
      throw error;
    } finally {
      release?.();
    }
  }

  #lock({ table, locks, signal }: Job): Promise<Release> {
    const wanted = new Map<bigint, LockMode>([
      [partitionGate, 'shared'],
      [table.definition.tableId, 'exclusive'],
    ]);
    return locks.acquireAll(wanted, {
      timeoutMs: this.#options.lockWaitMs,
      signal,
    });
  }
}

function begin({ connection, signal }: Job): WriteTransaction {
  return new WriteTransaction(connection, 0n, (slice) => slice, signal);
}

/**
 * The segments to merge next: a group of at least `mergeSegmentsMin` segments of similar size, smallest sizes first, up
 * to the target size. Sizes are similar when they fall into the same power of `mergeSegmentsMin` below the target.
 */
export function segmentsToMerge(
  segments: readonly Segment[],
  { segmentRowsTarget, mergeSegmentsMin }: Pick<MaintenanceOptions, 'segmentRowsTarget' | 'mergeSegmentsMin'>,
): Segment[] {
  const groups = new Map<number, Segment[]>();
  for (const segment of segments) {
    const rows = Math.max(1, Number(segment.rowCount));
    if (rows > segmentRowsTarget / 2) continue;
    const level = Math.floor(Math.log(segmentRowsTarget / rows) / Math.log(mergeSegmentsMin));
    const group = groups.get(level) ?? [];
    group.push(segment);
    groups.set(level, group);
  }
  for (const [, group] of [...groups].sort(([left], [right]) => right - left)) {
    if (group.length < mergeSegmentsMin) continue;
    const chosen: Segment[] = [];
    let rows = 0;
    for (const segment of group) {
      if (chosen.length >= 2 && rows + Number(segment.rowCount) > segmentRowsTarget * 1.5) break;
      chosen.push(segment);
      rows += Number(segment.rowCount);
    }
    return chosen;
  }
  return [];
}
