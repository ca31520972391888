import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChunkStream, Engine, EngineConnection } from '@millrace/engine/duckdb-instance';
import { engineBatchOf, isStringType } from '@millrace/engine/engine-batch';
import type { ColumnBatch } from '@millrace/values/column-batch';
import type { SqlType } from '@millrace/values/sql-type';
import type { Partition } from '../partitions/partition.ts';
import type { SegmentReaders } from '../tables/segment-readers.ts';
import { ConnectionPool, type ConnectionPoolOptions } from './connection-pool.ts';
import { type FragmentPart, fragmentSql, fragmentTables, type SegmentCounts } from './fragment-sql.ts';
import { type EngineRows, Overflow } from './overflow.ts';

/** A query fragment over partitions of this leaf. */
export interface Fragment {
  readonly schemaVersion: bigint;
  readonly parts: readonly FragmentPart[];
  readonly partitions: readonly Partition[];
  readonly reference: Partition | undefined;
}

/**
 * How much of a result passes as batches, which cost a value of fixed size next to nothing and a string about eight times
 * as much; of larger results the rest passes as Parquet. Rows of two strings and a number: 15,000; single numbers: 262,144.
 */
const batchedCostMax = 262_144;
const stringCost = 8;

/** Runs query fragments, a bounded number at a time; each sees one snapshot of every partition. */
export class QueryRunner {
  readonly #engine: Engine;
  readonly #pool: ConnectionPool;
  /** Since the start. */
  readonly segmentCounts: SegmentCounts = { read: 0, skipped: 0 };
  readonly #readers: SegmentReaders;
  readonly #resultDirectory: string;
  #nextResult = 1;

  constructor(
    engine: Engine,
    options: ConnectionPoolOptions,
    readers: SegmentReaders,
    resultDirectory: string,
  ) {
    this.#engine = engine;
    this.#pool = new ConnectionPool(engine, options);
    this.#readers = readers;
    this.#resultDirectory = resultDirectory;
  }

  /** Removes results that a killed process left. */
  async start(): Promise<void> {
    await rm(this.#resultDirectory, { recursive: true, force: true });
    await mkdir(this.#resultDirectory, { recursive: true });
  }

  close(): void {
    this.#pool.close();
  }

  /** Streams the rows as batches of at most `batchRows` rows (0: the engine's own chunks, 2,048 rows). */
  async *batches(
    fragment: Fragment,
    types: readonly SqlType[],
    batchRows: number,
    signal: AbortSignal,
  ): AsyncGenerator<ColumnBatch> {
    for await (const { connection, sql } of this.#inSnapshot(fragment, signal)) {
      const { batches } = await connection.query(sql, { types, signal });
      for await (const batch of batches) {
        if (batchRows === 0 || batch.rowCount <= batchRows) yield batch;
        else yield* splitBatch(batch, batchRows);
      }
    }
  }

  /** Streams the rows for another engine: the first as they come, then, once the query has ended, the rest. */
  async *rows(fragment: Fragment, signal: AbortSignal): AsyncGenerator<EngineRows> {
    let overflow: Overflow | undefined;
    try {
      for await (const { connection, sql } of this.#inSnapshot(fragment, signal)) {
        const stream = await connection.chunks(sql, { signal });
        const rowCost = costOfRow(stream);
        let costLeft = batchedCostMax;
        for await (const chunk of stream.chunks) {
          costLeft -= chunk.rowCount * rowCost;
          if (costLeft >= 0) {
            yield { kind: 'batch', batch: engineBatchOf(chunk, stream.types) };
          } else {
            overflow ??= await Overflow.open(this.#engine, stream);
            overflow.append(chunk);
          }
        }
      }
      if (overflow !== undefined) yield* this.#sendOverflow(overflow, signal);
    } finally {
      overflow?.close();
    }
  }

  async *#sendOverflow(overflow: Overflow, signal: AbortSignal): AsyncGenerator<EngineRows> {
    const path = join(this.#resultDirectory, `${this.#nextResult}.parquet`);
    this.#nextResult += 1;
    try {
      yield* overflow.send(path, signal);
    } finally {
      await rm(path, { force: true });
    }
  }

  /**
   * Yields once: a connection and the SQL to run on it. The manifests in the SQL, the statistics it is planned with and the
   * rows the connection sees belong to one engine transaction, and the segments stay on disk until it ends. By itself the
   * engine plans in one transaction and runs in the next: values that come in between are outside what the plan expects.
   */
  async *#inSnapshot(
    fragment: Fragment,
    signal: AbortSignal,
  ): AsyncGenerator<{ connection: EngineConnection; sql: string }> {
    const tables = fragmentTables(
      fragment.parts,
      fragment.schemaVersion,
      fragment.partitions,
      fragment.reference,
    );
    const lease = await this.#pool.acquire(signal);
    const leave = this.#readers.enter();
    const { connection } = lease;
    try {
      await connection.run('BEGIN TRANSACTION');
      yield { connection, sql: await fragmentSql(fragment.parts, tables, connection, this.segmentCounts) };
    } finally {
      await connection.run('ROLLBACK').catch(() => undefined);
      leave();
      lease.release();
    }
  }
}

function costOfRow({ types }: ChunkStream): number {
  return types.reduce((cost, type) => cost + (isStringType(type) ? stringCost : 1), 0);
}

function* splitBatch({ rowCount, columns }: ColumnBatch, batchRows: number): Generator<ColumnBatch> {
  for (let start = 0; start < rowCount; start += batchRows) {
    const end = Math.min(rowCount, start + batchRows);
    yield {
      rowCount: end - start,
      columns: columns.map((vector) => {
        const nulls = vector.nulls === undefined ? {} : { nulls: vector.nulls.slice(start, end) };
        // A slice of a vector has the same kind.
        return { kind: vector.kind, values: vector.values.slice(start, end), ...nulls } as typeof vector;
      }),
    };
  }
}
