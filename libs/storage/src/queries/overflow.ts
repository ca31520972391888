import { createReadStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { ChunkAppender } from '@millrace/engine/chunk-table';
import type { ChunkStream, Engine, EngineConnection } from '@millrace/engine/duckdb-instance';
import { engineBatchOf } from '@millrace/engine/engine-batch';
import { writeParquet } from '@millrace/engine/parquet';
import { quoteIdentifier } from '@millrace/engine/sql-text';
import { isMillraceError } from '@millrace/errors/millrace-error';
import { bulkChunkBytes } from '@millrace/rpc/limits';
import { fileErrorOf } from '@millrace/runtime/file-error';
import type { EngineBatch } from '@millrace/values/engine-batch';

/** A piece of a result on its way to another engine. */
export type EngineRows =
  | { readonly kind: 'batch'; readonly batch: EngineBatch }
  /** A piece of one Parquet file, which holds all rows that were not in batches before. */
  | { readonly kind: 'parquet'; readonly bytes: Buffer };

type Chunk = ChunkStream['chunks'] extends AsyncIterable<infer Item> ? Item : never;

const table = 'overflow';

/**
 * The rows of a result after its first ones: too many for batches, so they become a Parquet file without a look at their
 * values. The engine holds them until the query has ended (and spills what it has no memory for): nobody knows before
 * how many there will be, and the query cannot be run twice. Close it when done.
 */
export class Overflow {
  readonly #connection: EngineConnection;
  readonly #appender: ChunkAppender;

  private constructor(connection: EngineConnection, appender: ChunkAppender) {
    this.#connection = connection;
    this.#appender = appender;
  }

  static async open(engine: Engine, { names, types }: ChunkStream): Promise<Overflow> {
    const connection = await engine.connect();
    try {
      const columns = names.map((name, at) => `${quoteIdentifier(name)} ${typeName(String(types[at]))}`);
      await connection.run(`CREATE TEMP TABLE ${table} (${columns.join(', ')})`);
      return new Overflow(connection, await ChunkAppender.open(connection, table));
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  append(chunk: Chunk): void {
    this.#appender.append(chunk);
  }

  /** The rows as one Parquet file, made at `path` meanwhile; as batches when there is no space for it. */
  async *send(path: string, signal: AbortSignal): AsyncGenerator<EngineRows> {
    this.#appender.finish();
    try {
      await writeParquet(this.#connection, `SELECT * FROM ${table}`, path, { signal });
    } catch (error) {
      if (!isMillraceError(error, 'DISK_FULL')) throw error;
      await rm(path, { force: true });
      yield* this.#batches(signal);
      return;
    }
    try {
      const { size } = await stat(path);
      // The stream allocates whole chunks, and many files are far smaller.
      const highWaterMark = Math.max(1, Math.min(size, bulkChunkBytes));
      for await (const bytes of createReadStream(path, { highWaterMark, signal }))
        yield { kind: 'parquet', bytes: bytes as Buffer };
    } catch (error) {
      throw fileErrorOf(error, 'reading a query result');
    }
  }

  async *#batches(signal: AbortSignal): AsyncGenerator<EngineRows> {
    const { types, chunks } = await this.#connection.chunks(`SELECT * FROM ${table}`, { signal });
    for await (const chunk of chunks) yield { kind: 'batch', batch: engineBatchOf(chunk, types) };
  }

  close(): void {
    this.#connection.close();
  }
}

/** A column of nothing but NULL has no type that a table can have. */
function typeName(type: string): string {
  return type === 'NULL' || type === 'SQLNULL' ? 'VARCHAR' : type;
}
