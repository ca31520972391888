import { createReadStream } from 'node:fs';
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine, EngineConnection } from '@millrace/engine/duckdb-instance';
import { writeParquet } from '@millrace/engine/parquet';
import type { ColumnBatch } from '@millrace/values/column-batch';
import type { SqlType } from '@millrace/values/sql-type';
import type { Partition } from '../partitions/partition.ts';
import type { SegmentReaders } from '../tables/segment-readers.ts';
import { fileErrorOf } from '../transactions/file-error.ts';
import { ConnectionPool, type ConnectionPoolOptions } from './connection-pool.ts';
import { type FragmentPart, fragmentSql, fragmentTables, readsSegments } from './fragment-sql.ts';

/** A query fragment over partitions of this leaf. */
export interface Fragment {
  readonly schemaVersion: bigint;
  readonly parts: readonly FragmentPart[];
  readonly partitions: readonly Partition[];
  readonly reference: Partition | undefined;
}

const parquetChunkBytes = 1024 * 1024;

/** Runs query fragments, a bounded number at a time; each sees one snapshot of every partition. */
export class QueryRunner {
  readonly #pool: ConnectionPool;
  readonly #readers: SegmentReaders;
  readonly #resultDirectory: string;
  #nextResult = 1;

  constructor(
    engine: Engine,
    options: ConnectionPoolOptions,
    readers: SegmentReaders,
    resultDirectory: string,
  ) {
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

  /** Streams the rows as one Parquet file in chunks of about 1 MB. The file is complete before the first chunk. */
  async *parquet(fragment: Fragment, signal: AbortSignal): AsyncGenerator<Buffer> {
    const path = join(this.#resultDirectory, `${this.#nextResult}.parquet`);
    this.#nextResult += 1;
    try {
      for await (const { connection, sql } of this.#inSnapshot(fragment, signal)) {
        await writeParquet(connection, sql, path, { signal });
      }
      const { size } = await stat(path);
      // The stream allocates whole chunks, and most results are far smaller.
      const highWaterMark = Math.max(1, Math.min(size, parquetChunkBytes));
      for await (const chunk of createReadStream(path, { highWaterMark, signal })) yield chunk as Buffer;
    } catch (error) {
      throw fileErrorOf(error, 'writing a query result');
    } finally {
      await rm(path, { force: true });
    }
  }

  /**
   * Yields once: a connection and the SQL to run on it. The manifests in the SQL and the rows the connection sees belong
   * to one engine transaction, and the segments stay on disk until it ends.
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
    const needsTransaction = readsSegments(tables);
    try {
      if (needsTransaction) await connection.run('BEGIN TRANSACTION');
      yield { connection, sql: await fragmentSql(fragment.parts, tables, connection) };
    } finally {
      if (needsTransaction) await connection.run('ROLLBACK').catch(() => undefined);
      leave();
      lease.release();
    }
  }
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
