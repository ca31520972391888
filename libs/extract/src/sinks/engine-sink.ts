import { createReadStream } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { EngineConnection } from '@millrace/engine/duckdb-instance';
import { type PartitionFile, writeParquet, writePartitionedParquet } from '@millrace/engine/parquet';
import { quoteIdentifier, quoteLiteral } from '@millrace/engine/sql-text';
import { isMillraceError } from '@millrace/errors/millrace-error';
import { SliceSender } from '../delivery/slice-sender.ts';
import type { StagedSlice } from '../delivery/slice-target.ts';
import type { BytesBuilder } from '../parquet/bytes-builder.ts';
import { ParquetWriter } from '../parquet/parquet-writer.ts';
import { type ByteSource, byteSource } from '../rows/byte-source.ts';
import type { RowErrors, RowPosition } from '../rows/row-errors.ts';
import { fieldKind, type RowFields } from '../rows/row-fields.ts';
import type { RowPlan } from '../rows/row-plan.ts';
import type { SinkOptions } from './direct-sink.ts';
import { engineRowsSql, numberColumn, partitionColumn, stagedColumns } from './engine-rows-sql.ts';

const readBytes = 1 << 20;
const valueCharactersShown = 256;
/** Beyond this many bad rows in one chunk something else is wrong with the data. */
const badRowsMax = 10_000;
const one = byteSource(Buffer.from('1'));
const zero = byteSource(Buffer.from('0'));

export interface EngineSinkOptions extends SinkOptions {
  readonly errors: RowErrors;
  readonly connect: () => Promise<EngineConnection>;
  /** For staging files; made when the first is written, removed by {@link EngineSink.close}. */
  readonly directory: string;
}

/** Rows staged as text, and where each came from. */
class StagedRows {
  readonly writer: ParquetWriter;
  #ranges = new Int32Array(256);
  #lines = new Int32Array(256);
  #offsets = new BigInt64Array(256);

  constructor(plan: RowPlan) {
    this.writer = new ParquetWriter(
      stagedColumns(plan).map(({ name, binary }) => ({ name, type: { kind: binary ? 'blob' : 'text' } })),
    );
  }

  /** Counts a row whose values were added to the writer. */
  finishRow(fields: RowFields): void {
    const row = this.writer.rows;
    if (row === this.#ranges.length) {
      this.#ranges = grown(this.#ranges, new Int32Array(row * 2));
      this.#lines = grown(this.#lines, new Int32Array(row * 2));
      this.#offsets = grown(this.#offsets, new BigInt64Array(row * 2));
    }
    this.#ranges[row] = fields.range;
    this.#lines[row] = fields.line;
    this.#offsets[row] = fields.record.offset;
    this.writer.rows += 1;
  }

  position(row: number): Omit<RowPosition, 'line'> {
    return {
      range: this.#ranges[row] ?? 0,
      offset: this.#offsets[row] ?? -1n,
      lineNumber: this.#lines[row] ?? 0,
    };
  }
}

function grown<A extends { set(from: A): void }>(from: A, to: A): A {
  to.set(from);
  return to;
}

/**
 * The general way from scanned rows to slices: mapped values are staged as text, and the engine converts and checks
 * them, evaluates SET, DEFAULT and WHERE, and writes one Parquet file per partition. Works chunk by chunk.
 */
export class EngineSink {
  readonly #options: EngineSinkOptions;
  #connection: EngineConnection | undefined;
  readonly #sources: readonly { readonly field: number; readonly fallback: ByteSource | null }[];
  #rows: StagedRows;
  #rowsBefore = 0;
  #files = 0;

  constructor(options: EngineSinkOptions) {
    this.#options = options;
    const staged = stagedColumns(options.plan);
    this.#sources = staged.map(({ source }) => ({
      field: source.field,
      fallback: source.fallback ? byteSource(source.fallback) : null,
    }));
    this.#rows = new StagedRows(options.plan);
  }

  addRow(fields: RowFields): void {
    const { columns } = this.#rows.writer;
    for (const [index, { field, fallback }] of this.#sources.entries()) {
      const builder = columns[index] as BytesBuilder;
      const kind = fields.kinds[field];
      if (kind === fieldKind.missing && fallback !== null) {
        builder.add(fallback, 0, fallback.bytes.length);
      } else if (kind === fieldKind.null || kind === fieldKind.missing) {
        builder.addNull();
      } else if (kind === fieldKind.true || kind === fieldKind.false) {
        builder.add(kind === fieldKind.true ? one : zero, 0, 1);
      } else {
        const source = kind === fieldKind.decoded ? fields.scratch : fields.input;
        builder.add(source, fields.starts[field] as number, fields.ends[field] as number);
      }
    }
    this.#rows.finishRow(fields);
  }

  /** Whether the staged rows have reached the memory allowed. */
  get full(): boolean {
    return this.#rows.writer.bytesOpen >= this.#options.bufferBytesMax;
  }

  /**
   * Converts the staged rows and delivers them as slices named `slice`. Rows added meanwhile belong to the
   * next flush; only one may run at a time.
   *
   * @throws MillraceError of the first row that cannot be loaded, unless bad rows are skipped; or of a leaf.
   */
  async flush(slice: string): Promise<StagedSlice[]> {
    const staged = this.#rows;
    const rowCount = staged.writer.rows;
    if (rowCount === 0) return [];
    this.#rows = new StagedRows(this.#options.plan);
    const { plan, batchId, destination, signal } = this.#options;
    const partitionCount = destination.partitions.length;
    const connection = await this.#connect();
    const input = await this.#writeInput(staged);
    const output = join(this.#options.directory, `slices-${this.#files}`);
    const rowsBefore = this.#rowsBefore;
    const attempt = (exclude: readonly number[]): Promise<PartitionFile[]> => {
      const partitioning = { partitionCount, batchId, rowsBefore, numbered: plan.ordered };
      const sql = engineRowsSql({ plan, input, exclude, partitioning });
      return plan.ordered
        ? this.#writeOrdered(connection, sql, output)
        : writePartitionedParquet(connection, sql, output, partitionColumn(plan), { signal });
    };
    const files = await this.#withoutBadRows(staged, input, attempt, () =>
      rm(output, { recursive: true, force: true }),
    );
    await rm(input);
    const rows: number[] = [];
    for (const { path } of files) rows.push(await this.#rowsOf(path));
    const slices = await Promise.all(
      files.map(({ partition, path }, index) => this.#deliver(partition, path, slice, rows[index] ?? 0)),
    );
    await rm(output, { recursive: true, force: true });
    this.#rowsBefore += rowCount;
    return slices.flat();
  }

  /** Writes the rows of each partition in their order, which the engine's partitioned writing does not keep. */
  async #writeOrdered(connection: EngineConnection, sql: string, output: string): Promise<PartitionFile[]> {
    const { plan, signal } = this.#options;
    const partition = quoteIdentifier(partitionColumn(plan));
    const number = quoteIdentifier(numberColumn(plan));
    const table = 'temp.millrace_ordered_rows';
    await mkdir(output, { recursive: true });
    try {
      await connection.run(`CREATE TEMP TABLE millrace_ordered_rows AS ${sql}`, [], signal);
      const found = await connection.rows(`SELECT DISTINCT ${partition} FROM ${table} ORDER BY 1`, {
        signal,
      });
      const files: PartitionFile[] = [];
      for (const [value] of found) {
        const file = { partition: Number(value), path: join(output, `${value}.parquet`) };
        const rows = `SELECT * EXCLUDE (${partition}, ${number}) FROM ${table} WHERE ${partition} = ${file.partition}`;
        await writeParquet(connection, `${rows} ORDER BY ${number}`, file.path, { signal });
        files.push(file);
      }
      return files;
    } finally {
      await connection.run(`DROP TABLE IF EXISTS ${table}`);
    }
  }

  /** Runs `query` over the staged rows as they would be loaded (TEST PIPELINE). */
  async preview<Result>(
    query: (sql: string, connection: EngineConnection) => Promise<Result>,
  ): Promise<Result> {
    const connection = await this.#connect();
    const staged = this.#rows;
    const input = await this.#writeInput(staged);
    const { plan } = this.#options;
    try {
      return await this.#withoutBadRows(
        staged,
        input,
        (exclude) => query(engineRowsSql({ plan, input, exclude }), connection),
        async () => {},
      );
    } finally {
      await rm(input, { force: true });
    }
  }

  /** Lets go of the connection and removes every file. */
  async close(): Promise<void> {
    this.#connection?.close();
    this.#connection = undefined;
    await rm(this.#options.directory, { recursive: true, force: true });
  }

  async #connect(): Promise<EngineConnection> {
    this.#connection ??= await this.#options.connect();
    return this.#connection;
  }

  async #writeInput(staged: StagedRows): Promise<string> {
    await mkdir(this.#options.directory, { recursive: true });
    const input = join(this.#options.directory, `input-${++this.#files}.parquet`);
    await writeFile(input, staged.writer.finish());
    return input;
  }

  /** Runs `attempt`; rows that fail it are reported, which throws, or left out of a second attempt. */
  async #withoutBadRows<Result>(
    staged: StagedRows,
    input: string,
    attempt: (exclude: readonly number[]) => Promise<Result>,
    cleanUp: () => Promise<void>,
  ): Promise<Result> {
    try {
      return await attempt([]);
    } catch (error) {
      if (!isMillraceError(error) || error.kind !== 'user' || this.#options.signal.aborted) throw error;
      await cleanUp();
      const excluded: number[] = [];
      for await (const bad of this.#badRows(input, 0, staged.writer.rows)) {
        const line = await this.#lineOf(input, bad.row);
        this.#options.errors.reject(bad.error, { ...staged.position(bad.row), line });
        excluded.push(bad.row);
        if (excluded.length > badRowsMax) throw error;
      }
      if (excluded.length === 0) throw error;
      return attempt(excluded);
    }
  }

  /** Finds the rows that cannot be loaded, in order, by halving the rows looked at. */
  async *#badRows(
    input: string,
    first: number,
    end: number,
  ): AsyncGenerator<{ readonly row: number; readonly error: unknown }> {
    const error = await this.#check(input, first, end);
    if (error === undefined) return;
    if (end - first === 1) {
      yield { row: first, error };
      return;
    }
    const middle = (first + end) >> 1;
    yield* this.#badRows(input, first, middle);
    yield* this.#badRows(input, middle, end);
  }

  /** The values that a staged row was to be made of, separated by tabs: the record itself is gone by then. */
  async #lineOf(input: string, row: number): Promise<string> {
    const columns = stagedColumns(this.#options.plan).map(({ name }) => {
      return `left(coalesce(CAST(${quoteIdentifier(name)} AS VARCHAR), '\\N'), ${valueCharactersShown})`;
    });
    if (columns.length === 0) return '';
    const connection = await this.#connect();
    const file = `read_parquet(${quoteLiteral(input)}, file_row_number = true)`;
    const rows = await connection.rows(
      `SELECT ${columns.join(', ')} FROM ${file} WHERE file_row_number = ${row}`,
    );
    return (rows[0] ?? []).join('\t');
  }

  /** What goes wrong with rows `first` to `end` - 1, if anything. */
  async #check(input: string, first: number, end: number): Promise<unknown> {
    const { plan, signal } = this.#options;
    const rows = engineRowsSql({ plan, input, exclude: [], rows: { first, end } });
    try {
      // Hashing makes the engine compute every column of every row.
      const connection = await this.#connect();
      await connection.run(`SELECT bit_xor(hash(COLUMNS(*))) FROM (${rows})`, [], signal);
      return undefined;
    } catch (error) {
      if (signal.aborted) throw error;
      return error;
    }
  }

  async #deliver(partitionIndex: number, path: string, slice: string, rows: number): Promise<StagedSlice[]> {
    const { destination, stage, bufferBytesMax, signal } = this.#options;
    const partition = destination.partitions[partitionIndex];
    if (partition === undefined) throw new RangeError(`partition ${partitionIndex}`);
    const sender = new SliceSender(stage, destination, partition, slice, {
      bufferBytesMax: bufferBytesMax / destination.partitions.length,
      signal,
    });
    let crc = 0;
    for await (const chunk of createReadStream(path, { highWaterMark: readBytes }) as AsyncIterable<Buffer>) {
      crc = crc32(chunk, crc);
      sender.push([chunk]);
      await sender.drained();
    }
    return sender.finish(rows, crc);
  }

  async #rowsOf(path: string): Promise<number> {
    const connection = await this.#connect();
    const rows = await connection.rows(`SELECT num_rows FROM parquet_file_metadata(${quoteLiteral(path)})`);
    return Number(rows[0]?.[0] ?? 0);
  }
}
