import {
  BIGINT,
  BLOB,
  blobValue,
  DOUBLE,
  type DuckDBConnection,
  type DuckDBDataChunk,
  DuckDBInstance,
  type DuckDBResult,
  type DuckDBType,
  type DuckDBValue,
  HUGEINT,
  UBIGINT,
  VARCHAR,
} from '@duckdb/node-api';
import { MillraceError } from '@millrace/errors/millrace-error';
import { type ColumnBatch, rowsOf, type ScalarValue } from '@millrace/values/column-batch';
import type { SqlType } from '@millrace/values/sql-type';
import { readChunk } from './chunk.ts';
import { engineErrorOf } from './duckdb-error.ts';
import { sqlTypeOf } from './duckdb-type.ts';

export interface EngineOptions {
  /** Database file; in memory when absent. */
  readonly path?: string;
  readonly threads: number;
  readonly memoryLimitBytes: number;
  /** Where the engine spills what does not fit the memory limit. */
  readonly tempDirectory: string;
}

export interface QueryOptions {
  readonly parameters?: readonly ScalarValue[];
  /** Types the columns are converted to; the engine's own when absent. */
  readonly types?: readonly SqlType[];
  readonly signal?: AbortSignal;
}

/** A running query. `batches` can be iterated once; leaving the iteration early ends the query. */
export interface QueryStream {
  readonly columns: readonly { readonly name: string; readonly type: SqlType }[];
  readonly batches: AsyncIterable<ColumnBatch>;
}

/** The same as engine chunks, each valid as long as it is referenced. */
export interface ChunkStream {
  readonly names: readonly string[];
  readonly types: readonly DuckDBType[];
  readonly chunks: AsyncIterable<DuckDBDataChunk>;
}

/** How often an aborted statement is interrupted until it ends: an interrupt that comes before its start is lost. */
const interruptIntervalMs = 10;

/**
 * Opens a DuckDB instance. Extensions are never loaded or installed by themselves (everything needed is built in), and
 * rows without ORDER BY come in any order (`preserve_insertion_order=false`): SQL promises none, and it lets large
 * Parquet reads and writes stream in parallel instead of being buffered. ORDER BY is always honoured.
 *
 * node-api runs each statement on a libuv thread, so UV_THREADPOOL_SIZE bounds the statements that run at a time.
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  try {
    const instance = await DuckDBInstance.create(options.path ?? ':memory:', {
      threads: String(options.threads),
      memory_limit: `${options.memoryLimitBytes}B`,
      temp_directory: options.tempDirectory,
      preserve_insertion_order: 'false',
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      enable_external_access: 'true',
      // The cache knows a file by path, size and time of change: a path that is written anew within the clock's grain
      // would be read as it was before. The page cache of the system serves repeated reads.
      enable_external_file_cache: 'false',
      errors_as_json: 'false',
    });
    return new Engine(instance);
  } catch (error) {
    throw engineErrorOf(error);
  }
}

/** The end of a process waits for native threads: what still runs then is interrupted. */
const openConnections = new Set<EngineConnection>();
process.on('exit', () => {
  for (const connection of openConnections) connection.interrupt();
});

/** One DuckDB instance. */
export class Engine {
  readonly #instance: DuckDBInstance;

  constructor(instance: DuckDBInstance) {
    this.#instance = instance;
  }

  async connect(): Promise<EngineConnection> {
    try {
      const connection = await this.#instance.connect();
      const engineConnection = new EngineConnection(connection);
      await engineConnection.run("SET enable_progress_bar = false; SET TimeZone = 'UTC'");
      return engineConnection;
    } catch (error) {
      throw engineErrorOf(error);
    }
  }

  /** Closes the instance and checkpoints its files. Every connection must be closed before. */
  close(): void {
    this.#instance.closeSync();
  }
}

/**
 * One connection: one statement at a time, one transaction at a time. Starting a second statement while one runs is a
 * bug of the caller and throws INTERNAL. Every method throws {@link MillraceError} (see `duckdb-error.ts`); an aborted
 * `signal` interrupts the statement, which then throws QUERY_KILLED (or the signal's reason when that is a
 * MillraceError).
 */
export class EngineConnection {
  readonly #connection: DuckDBConnection;
  #busy = false;

  constructor(connection: DuckDBConnection) {
    this.#connection = connection;
    openConnections.add(this);
  }

  /** node-api's connection, for appenders. */
  get native(): DuckDBConnection {
    return this.#connection;
  }

  /** Runs one statement (or several separated by `;` when there are no parameters); returns the rows it changed. */
  async run(sql: string, parameters?: readonly ScalarValue[], signal?: AbortSignal): Promise<number> {
    return this.#exclusive(signal, async () => {
      if (parameters === undefined || parameters.length === 0) {
        return (await this.#connection.run(sql)).rowsChanged;
      }
      const { values, types } = bindingsOf(parameters);
      return (await this.#connection.run(sql, values, types)).rowsChanged;
    });
  }

  /** Runs a statement and streams its result. The connection is busy until the iteration has ended. */
  async query(sql: string, options: QueryOptions = {}): Promise<QueryStream> {
    return this.#stream(sql, options, (result, engineTypes) => {
      const types = options.types ?? engineTypes.map(sqlTypeOf);
      if (types.length !== engineTypes.length) {
        throw new MillraceError(
          'INTERNAL',
          `result has ${engineTypes.length} columns, ${types.length} were asked for`,
        );
      }
      const columns = result
        .columnNames()
        .map((name, column) => ({ name, type: types[column] ?? { kind: 'null' } }));
      const batches = this.#read(result, options.signal, (chunk) => readChunk(chunk, engineTypes, types));
      return { columns, batches };
    });
  }

  /** Runs a statement and streams its result as the engine's own chunks. The connection is busy as for {@link query}. */
  async chunks(sql: string, options: Omit<QueryOptions, 'types'> = {}): Promise<ChunkStream> {
    return this.#stream(sql, options, (result, types) => ({
      names: result.columnNames(),
      types,
      chunks: this.#read(result, options.signal, (chunk) => chunk),
    }));
  }

  /** Runs a statement and returns all rows as scalars. For small results. */
  async rows(sql: string, options: QueryOptions = {}): Promise<ScalarValue[][]> {
    const { batches } = await this.query(sql, options);
    const rows: ScalarValue[][] = [];
    for await (const batch of batches) rows.push(...rowsOf(batch));
    return rows;
  }

  /** Interrupts the statement that runs, if any. */
  interrupt(): void {
    this.#connection.interrupt();
  }

  close(): void {
    openConnections.delete(this);
    this.#connection.closeSync();
  }

  async #stream<Stream>(
    sql: string,
    { signal, parameters = [] }: QueryOptions,
    streamOf: (result: DuckDBResult, types: readonly DuckDBType[]) => Stream,
  ): Promise<Stream> {
    const { values, types } = bindingsOf(parameters);
    this.#acquire();
    try {
      const result = await this.#interruptible(signal, () =>
        values.length === 0 ? this.#connection.stream(sql) : this.#connection.stream(sql, values, types),
      );
      return streamOf(result, result.columnTypes());
    } catch (error) {
      this.#busy = false;
      throw engineErrorOf(error);
    }
  }

  async *#read<Item>(
    result: DuckDBResult,
    signal: AbortSignal | undefined,
    itemOf: (chunk: DuckDBDataChunk) => Item,
  ): AsyncGenerator<Item> {
    let finished = false;
    try {
      for (;;) {
        const chunk = await this.#interruptible(signal, () => result.fetchChunk());
        if (chunk === null || chunk.rowCount === 0) break;
        yield itemOf(chunk);
      }
      finished = true;
    } catch (error) {
      throw engineErrorOf(error);
    } finally {
      // A streaming result that is not read to its end keeps its snapshot and files until the next statement.
      if (!finished) await this.#connection.run('SELECT 1').catch(() => undefined);
      this.#busy = false;
    }
  }

  async #exclusive<Result>(signal: AbortSignal | undefined, work: () => Promise<Result>): Promise<Result> {
    this.#acquire();
    try {
      return await this.#interruptible(signal, work);
    } catch (error) {
      throw engineErrorOf(error);
    } finally {
      this.#busy = false;
    }
  }

  #acquire(): void {
    if (this.#busy) throw new MillraceError('INTERNAL', 'a statement runs already on this engine connection');
    this.#busy = true;
  }

  async #interruptible<Result>(
    signal: AbortSignal | undefined,
    work: () => Promise<Result>,
  ): Promise<Result> {
    if (signal === undefined) return work();
    if (signal.aborted) throw killedBy(signal);
    let timer: NodeJS.Timeout | undefined;
    const interrupt = (): void => {
      this.#connection.interrupt();
      timer ??= setInterval(() => this.#connection.interrupt(), interruptIntervalMs);
    };
    signal.addEventListener('abort', interrupt, { once: true });
    try {
      return await work();
    } catch (error) {
      throw signal.aborted ? killedBy(signal) : error;
    } finally {
      clearInterval(timer);
      signal.removeEventListener('abort', interrupt);
    }
  }
}

function killedBy(signal: AbortSignal): MillraceError {
  const reason: unknown = signal.reason;
  if (reason instanceof MillraceError) return reason;
  return new MillraceError('QUERY_KILLED', 'statement interrupted', { cause: reason });
}

function bindingsOf(parameters: readonly ScalarValue[]): { values: DuckDBValue[]; types: DuckDBType[] } {
  const values: DuckDBValue[] = [];
  const types: DuckDBType[] = [];
  for (const parameter of parameters) {
    const [value, type] = bindingOf(parameter);
    values.push(value);
    types.push(type);
  }
  return { values, types };
}

function bindingOf(value: ScalarValue): [DuckDBValue, DuckDBType] {
  if (value === null) return [null, VARCHAR];
  if (typeof value === 'string') return [value, VARCHAR];
  if (typeof value === 'number')
    return Number.isSafeInteger(value) ? [BigInt(value), BIGINT] : [value, DOUBLE];
  if (typeof value === 'bigint') {
    if (BigInt.asIntN(64, value) === value) return [value, BIGINT];
    return [value, BigInt.asUintN(64, value) === value ? UBIGINT : HUGEINT];
  }
  return [blobValue(value), BLOB];
}
