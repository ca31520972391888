import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Engine, type EngineConnection, openEngine } from '@millrace/engine/duckdb-instance';
import { engineBatchOf } from '@millrace/engine/engine-batch';
import { readParquetExpression } from '@millrace/engine/parquet';
import { quoteIdentifier } from '@millrace/engine/sql-text';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { TableSchema } from '@millrace/proto/millrace/common/v1/schema';
import {
  Decision,
  type LeafServer,
  LeafService,
  type Operation,
  type PrepareRequest,
  type QueryRequest,
  type QueryResponse,
  ResultFormat,
  type StageRequest,
} from '@millrace/proto/millrace/leaf/v1/leaf';
import { Handlers } from '@millrace/rpc/handlers';
import { NodeAgent, type NodeIdentity } from '@millrace/rpc/node-agent';
import { RpcServer } from '@millrace/rpc/server';
import { batchToProto, engineBatchToProto, typeFromProto } from '@millrace/rpc/values';
import { silentLogger } from '@millrace/runtime/logger';
import { duckdbTypeOf } from '@millrace/values/duckdb-type-of';

/**
 * A leaf for tests of the aggregator: the real gRPC contract over DuckDB tables in memory, without durability. What was
 * prepared is kept as operations and run when the commit comes.
 */
export class FakeLeaf {
  readonly #handlers = new Handlers('leaf', silentLogger);
  readonly #prepared = new Map<bigint, PrepareRequest[]>();
  readonly #slices = new Map<string, string>();
  readonly #schemas = new Map<bigint, { version: bigint; ordinals: number[]; tables: TableSchema[] }>();
  /** Every Decide that came, `commit 1` or `abort 1`. */
  readonly decisions: string[] = [];
  /** Thrown by the next ApplySchema. */
  schemaError: Error | undefined;
  /** Thrown by the next Prepare. */
  prepareError: Error | undefined;
  /** Awaited by each Decide, so that tests can hold it. */
  beforeDecide: () => Promise<void> = async () => {};
  /** Awaited by each GetStatus. */
  beforeStatus: () => Promise<void> = async () => {};
  /** Thrown by the next Query. */
  queryError: Error | undefined;
  /** Awaited by each Query after its first batch, so that tests can hold it. */
  duringQuery: () => Promise<void> = async () => {};
  #server: RpcServer;
  #engine: Engine;
  #directory: string;
  #agent: NodeAgent | undefined;
  #identity: NodeIdentity = { nodeId: '', clusterId: '' };
  #slicesStaged = 0;
  address = '';

  private constructor(engine: Engine, directory: string) {
    this.#engine = engine;
    this.#directory = directory;
    this.#server = this.#newServer(0);
  }

  static async start(): Promise<FakeLeaf> {
    const directory = await mkdtemp(join(tmpdir(), 'fake-leaf-'));
    const engine = await openEngine({ threads: 1, memoryLimitBytes: 2 ** 28, tempDirectory: directory });
    const leaf = new FakeLeaf(engine, directory);
    leaf.address = `127.0.0.1:${await leaf.#server.start()}`;
    return leaf;
  }

  get leafId(): string {
    return this.#identity.nodeId;
  }

  get schemaVersions(): ReadonlyMap<bigint, bigint> {
    return new Map([...this.#schemas].map(([id, { version }]) => [id, version]));
  }

  /** Registers with an aggregator and resolves when it is online. */
  async join(aggregator: string, hashProbe: string): Promise<void> {
    this.#agent = new NodeAgent({
      aggregator,
      role: 'leaf',
      advertise: this.address,
      version: 'test',
      hashProbe,
      identity: this.#identity,
      saveIdentity: (identity) => {
        this.#identity = identity;
      },
      prepared: () => [...this.#prepared.keys()],
      logger: silentLogger,
    });
    await new Promise<void>((resolve, reject) => {
      this.#agent?.start(reject);
      this.#agent?.whenOnline(new AbortController().signal).then(resolve, reject);
    });
  }

  /** Loses its registration, but goes on serving. */
  async disconnect(): Promise<void> {
    await this.#agent?.stop();
    this.#agent = undefined;
  }

  /** Goes away without a word; prepared work stays. */
  async leave(): Promise<void> {
    await this.disconnect();
    this.#server.stop();
  }

  /** As a data directory whose partitions have gone. */
  loseData(): void {
    this.#schemas.clear();
  }

  /** Serves again on the same address after `leave`. */
  async comeBack(): Promise<void> {
    this.#server = this.#newServer(Number(this.address.split(':')[1]));
    await this.#server.start();
  }

  async stop(): Promise<void> {
    await this.leave();
    this.#engine.close();
    await rm(this.#directory, { recursive: true, force: true });
  }

  #newServer(port: number): RpcServer {
    const implementation: LeafServer = {
      applySchema: this.#handlers.unary((request) => this.#applySchema(request)),
      dropDatabase: this.#handlers.unary(async ({ databaseId }) => {
        this.#schemas.delete(databaseId);
        return {};
      }),
      stage: this.#handlers.clientStreaming((requests) => this.#stage(requests)),
      prepare: this.#handlers.unary((request) => this.#prepare(request)),
      decide: this.#handlers.unary(({ transactionId, decision }) => this.#decide(transactionId, decision)),
      query: this.#handlers.serverStreaming((request) => this.#query(request)),
      getStatus: this.#handlers.unary(async () => {
        await this.beforeStatus();
        return {
          leafId: this.leafId,
          partitions: [...this.#schemas].flatMap(([databaseId, { version, ordinals, tables }]) =>
            [...ordinals, ...(tables.some(({ reference }) => reference) ? [-1] : [])].map((ordinal) => ({
              partition: { databaseId, ordinal },
              schemaVersion: version,
              preparedTransactions: this.#prepared.size,
              bytes: 0n,
            })),
          ),
        };
      }),
    };
    const services = [{ definition: LeafService, implementation }];
    return new RpcServer({ host: '127.0.0.1', port, services, logger: silentLogger });
  }

  async #applySchema(request: {
    databaseId: bigint;
    schemaVersion: bigint;
    ordinals: number[];
    tables: TableSchema[];
  }): Promise<{ schemaVersion: bigint }> {
    const error = this.schemaError;
    this.schemaError = undefined;
    if (error !== undefined) throw error;
    const { databaseId, schemaVersion, ordinals, tables } = request;
    const known = this.#schemas.get(databaseId);
    if (known !== undefined && known.version >= schemaVersion) return { schemaVersion: known.version };
    await this.#onConnection(async (connection) => {
      for (const table of tables) {
        for (const ordinal of table.reference ? [-1] : ordinals) {
          const columns = table.columns.map(
            ({ name, type }) => `${quoteIdentifier(name)} ${duckdbTypeOf(typeFromProto(type))}`,
          );
          const keys = table.uniqueKeys.map(
            (key) => `UNIQUE (${key.columns.map(quoteIdentifier).join(', ')})`,
          );
          await connection.run(
            `CREATE TABLE IF NOT EXISTS ${tableName(table.tableId, ordinal)} (${[...columns, ...keys].join(', ')})`,
          );
        }
      }
    });
    this.#schemas.set(databaseId, { version: schemaVersion, ordinals, tables });
    return { schemaVersion };
  }

  async #stage(requests: AsyncIterable<StageRequest>): Promise<{ bytes: bigint; crc32: number }> {
    this.#slicesStaged += 1;
    const path = join(this.#directory, `slice-${this.#slicesStaged}.parquet`);
    let key = '';
    const chunks = async function* () {
      for await (const { part } of requests) {
        if (part?.$case === 'header')
          key = `${part.header.transactionId}/${part.header.partition?.ordinal}/${part.header.slice}`;
        if (part?.$case === 'chunk') yield part.chunk;
      }
    };
    await pipeline(chunks(), createWriteStream(path));
    this.#slices.set(key, path);
    return { bytes: 0n, crc32: 0 };
  }

  async #prepare(request: PrepareRequest): Promise<{ affectedRows: bigint; skippedRows: bigint }> {
    const error = this.prepareError;
    this.prepareError = undefined;
    if (error !== undefined) throw error;
    const version = this.#schemas.get(request.partition?.databaseId ?? 0n)?.version;
    if (version !== request.schemaVersion)
      throw new MillraceError('SCHEMA_CHANGED', `leaf has version ${version}`);
    if (request.onePhase) return { affectedRows: await this.#apply(request), skippedRows: 0n };
    this.#prepared.set(request.transactionId, [
      ...(this.#prepared.get(request.transactionId) ?? []),
      request,
    ]);
    return { affectedRows: 1n, skippedRows: 0n };
  }

  async #decide(transactionId: bigint, decision: Decision): Promise<Record<string, never>> {
    await this.beforeDecide();
    this.decisions.push(
      `${decision === Decision.COMMIT ? 'commit' : 'abort'} ${transactionId & 0xffffffffn}`,
    );
    const prepared = this.#prepared.get(transactionId) ?? [];
    if (decision === Decision.COMMIT) for (const request of prepared) await this.#apply(request);
    this.#prepared.delete(transactionId);
    return {};
  }

  async #apply({ transactionId, partition, operations }: PrepareRequest): Promise<bigint> {
    let affected = 0;
    const ordinal = partition?.ordinal ?? 0;
    await this.#onConnection(async (connection) => {
      for (const operation of operations)
        affected += await connection.run(this.#sqlOf(operation, transactionId, ordinal));
    });
    return BigInt(affected);
  }

  #sqlOf({ operation }: Operation, transactionId: bigint, ordinal: number): string {
    switch (operation?.$case) {
      case 'insert': {
        const path = this.#slices.get(`${transactionId}/${ordinal}/${operation.insert.slice}`) ?? '';
        return `INSERT INTO ${tableName(operation.insert.tableId, ordinal)} BY NAME SELECT * FROM ${readParquetExpression([path])}`;
      }
      case 'update': {
        const { tableId, assignments, predicate } = operation.update;
        const set = assignments
          .map(({ column, expression }) => `${quoteIdentifier(column)} = ${expression}`)
          .join(', ');
        return `UPDATE ${tableName(tableId, ordinal)} SET ${set} WHERE ${predicate || 'true'}`;
      }
      case 'delete':
        return `DELETE FROM ${tableName(operation.delete.tableId, ordinal)} WHERE ${operation.delete.predicate || 'true'}`;
      case 'truncate':
        return `DELETE FROM ${tableName(operation.truncate.tableId, ordinal)}`;
      default:
        throw new Error('no operation');
    }
  }

  async *#query(request: QueryRequest): AsyncGenerator<QueryResponse> {
    const error = this.queryError;
    this.queryError = undefined;
    if (error !== undefined) throw error;
    const schema = this.#schemas.get(request.databaseId);
    if (schema?.version !== request.schemaVersion)
      throw new MillraceError('SCHEMA_CHANGED', 'another version');
    const sql = request.sql
      .map(({ part }) => {
        if (part?.$case === 'text') return part.text;
        const table = schema.tables.find(({ tableId }) => tableId === part?.tableId);
        const ordinals = table?.reference === true ? [-1] : request.ordinals;
        return `(${ordinals.map((ordinal) => `SELECT * FROM ${tableName(part?.tableId ?? 0n, ordinal)}`).join(' UNION ALL ')})`;
      })
      .join('');
    const connection = await this.#engine.connect();
    try {
      if (request.format === ResultFormat.ENGINE) {
        const { types, chunks } = await connection.chunks(sql);
        for await (const chunk of chunks) {
          const engineBatch = engineBatchToProto(engineBatchOf(chunk, types));
          yield { part: { $case: 'engineBatch', engineBatch } };
        }
        return;
      }
      const { batches } = await connection.query(sql, { types: request.types.map(typeFromProto) });
      for await (const batch of batches) {
        yield { part: { $case: 'batch', batch: batchToProto(batch) } };
        await this.duringQuery();
      }
    } finally {
      connection.close();
    }
  }

  async #onConnection(work: (connection: EngineConnection) => Promise<void>): Promise<void> {
    const connection = await this.#engine.connect();
    try {
      await work(connection);
    } finally {
      connection.close();
    }
  }
}

function tableName(tableId: bigint, ordinal: number): string {
  return quoteIdentifier(`t${tableId}_${ordinal}`);
}
