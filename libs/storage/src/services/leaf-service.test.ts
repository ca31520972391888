import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Engine, type EngineConnection, openEngine } from '@millrace/engine/duckdb-instance';
import { readParquetExpression, writeParquet } from '@millrace/engine/parquet';
import { isMillraceError } from '@millrace/errors/millrace-error';
import { TableKind } from '@millrace/proto/millrace/common/v1/schema';
import {
  Decision,
  LeafClient,
  LeafService,
  OnDuplicate,
  type QueryRequest,
  ResultFormat,
  type SqlPart,
  type StageRequest,
} from '@millrace/proto/millrace/leaf/v1/leaf';
import { ChannelPool, callClientStream, callServerStream, callUnary } from '@millrace/rpc/client';
import { Handlers } from '@millrace/rpc/handlers';
import { RpcServer } from '@millrace/rpc/server';
import { batchFromProto, engineBatchFromProto, typeToProto } from '@millrace/rpc/values';
import { silentLogger } from '@millrace/runtime/logger';
import { rowsOf } from '@millrace/values/column-batch';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bigint, integer, LeafFixture, literalRows, tableDefinition, text } from '../testing/leaf-fixture.ts';
import { leafService } from './leaf-service.ts';

let fixture: LeafFixture;
let server: RpcServer;
let engine: Engine;
let sender: EngineConnection;
const pool = new ChannelPool(LeafClient);
let client: LeafClient;

beforeAll(async () => {
  fixture = await LeafFixture.open();
  engine = await openEngine({ threads: 1, memoryLimitBytes: 256e6, tempDirectory: fixture.directory });
  sender = await engine.connect();
  const implementation = leafService(fixture.leaf, 'leaf-one', new Handlers('leaf test', silentLogger));
  server = new RpcServer({
    host: '127.0.0.1',
    port: 0,
    services: [{ definition: LeafService, implementation }],
    logger: silentLogger,
  });
  client = pool.get(`127.0.0.1:${await server.start()}`);
});

afterAll(async () => {
  pool.close();
  server.stop();
  sender.close();
  engine.close();
  await fixture.close();
});

const partition = { databaseId: 1n, ordinal: 0 };

async function* sliceOf(transactionId: bigint, query: string): AsyncGenerator<StageRequest> {
  const path = join(fixture.directory, `${transactionId}.parquet`);
  await writeParquet(sender, query, path);
  const header = { transactionId, partition, tableId: 1n, slice: 'a-1', pipelineId: 0n, epoch: 0n };
  yield { part: { $case: 'header', header } };
  const bytes = await readFile(path);
  for (let start = 0; start < bytes.length; start += 100) {
    yield { part: { $case: 'chunk', chunk: bytes.subarray(start, start + 100) } };
  }
}

const insert = {
  $case: 'insert' as const,
  insert: { tableId: 1n, slice: 'a-1', onDuplicate: OnDuplicate.ERROR, assignments: [] },
};

function prepare(transactionId: bigint) {
  const operations = [{ operation: insert }];
  const request = {
    transactionId,
    partition,
    schemaVersion: 1n,
    operations,
    onePhase: false,
    lockWaitMs: 1000,
  };
  return callUnary(client, client.prepare, request);
}

test('a table is made, filled through stage, prepare and decide, and read in both formats', async () => {
  const { columns, uniqueKeys, ...table } = tableDefinition({
    uniqueKeys: [{ name: 'PRIMARY', columns: ['id'], primary: true }],
  });
  const schema = {
    ...table,
    kind: TableKind.ROWSTORE,
    columns: columns.map((column) => ({ ...column, type: typeToProto(column.type) })),
    uniqueKeys: uniqueKeys.map((key) => ({ ...key, columns: [...key.columns] })),
    indexes: [],
    shardKey: [],
    sortKey: [],
    sortDescending: [],
  };
  const apply = { databaseId: 1n, databaseName: 'd', schemaVersion: 1n, ordinals: [0], tables: [schema] };
  expect(await callUnary(client, client.applySchema, apply)).toEqual({ schemaVersion: 1n });

  const staged = await callClientStream(
    client,
    client.stage,
    sliceOf(
      1n,
      literalRows([
        [1, 10, 'é'],
        [2, null, null],
      ]),
    ),
  );
  expect(staged.bytes).toBeGreaterThan(100n);
  expect(await prepare(1n)).toEqual({ affectedRows: 2n, skippedRows: 0n });
  const status = await callUnary(client, client.getStatus, {});
  expect(status).toMatchObject({
    leafId: 'leaf-one',
    partitions: [{ partition, schemaVersion: 1n, preparedTransactions: 1 }],
  });
  await callUnary(client, client.decide, { transactionId: 1n, decision: Decision.COMMIT });

  await callClientStream(client, client.stage, sliceOf(2n, literalRows([[2, 1, 'again']])));
  const duplicate: unknown = await prepare(2n).catch((error: unknown) => error);
  expect(isMillraceError(duplicate, 'DUPLICATE_KEY')).toBe(true);
  await callUnary(client, client.decide, { transactionId: 2n, decision: Decision.ABORT });

  const sql: SqlPart[] = [
    { part: { $case: 'text' as const, text: 'SELECT id, u, v FROM ' }, segmentFilter: undefined },
    { part: { $case: 'tableId' as const, tableId: 1n }, segmentFilter: undefined },
    { part: { $case: 'text' as const, text: ' ORDER BY id' }, segmentFilter: undefined },
  ];
  const types = [integer, bigint, text].map(typeToProto);
  const query = { databaseId: 1n, schemaVersion: 1n, ordinals: [], sql, types, batchRows: 0 };
  const rows: unknown[] = [];
  const batches = callServerStream(client, client.query, { ...query, format: ResultFormat.BATCHES });
  for await (const { part } of batches)
    if (part?.$case === 'batch') rows.push(...rowsOf(batchFromProto(part.batch)));
  expect(rows).toEqual([
    [1n, 10n, 'é'],
    [2n, null, null],
  ]);

  const few = await gather(query);
  expect(few).toMatchObject({ batchedRows: 2, parquetRows: 0n });

  const cross = {
    part: { $case: 'text' as const, text: ' CROSS JOIN range(20000) AS r(n)' },
    segmentFilter: undefined,
  };
  const many = await gather({ ...query, sql: [...sql.slice(0, 2), cross] });
  expect(many.batchedRows).toBeGreaterThan(0);
  expect(many.parquetRows).toBeGreaterThan(0n);
  expect(BigInt(many.batchedRows) + many.parquetRows).toBe(40_000n);
  expect(many.sum).toBe(60_000n);
  expect(await readdir(join(fixture.directory, 'data', 'results'))).toEqual([]);

  await callUnary(client, client.dropDatabase, { databaseId: 1n });
  expect((await callUnary(client, client.getStatus, {})).partitions).toEqual([]);
});

test('a slice without its header is refused', async () => {
  async function* headless(): AsyncGenerator<StageRequest> {
    yield { part: { $case: 'chunk', chunk: Buffer.from('x') } };
  }
  const error: unknown = await callClientStream(client, client.stage, headless()).catch(
    (thrown: unknown) => thrown,
  );
  expect(isMillraceError(error, 'INTERNAL')).toBe(true);
});

/** The rows of a query as another engine gets them. */
async function gather(
  query: Omit<QueryRequest, 'format'>,
): Promise<{ batchedRows: number; parquetRows: bigint; sum: bigint }> {
  const chunks: Buffer[] = [];
  let batchedRows = 0;
  let sum = 0n;
  const responses = callServerStream(client, client.query, { ...query, format: ResultFormat.ENGINE });
  for await (const { part } of responses) {
    if (part?.$case === 'parquet') chunks.push(part.parquet);
    if (part?.$case !== 'engineBatch') continue;
    expect(chunks).toEqual([]);
    const { rowCount, columns } = engineBatchFromProto(part.engineBatch);
    const [ids] = columns;
    expect(columns.map(({ type }) => type)).toEqual(['INTEGER', 'INTEGER', 'VARCHAR']);
    batchedRows += rowCount;
    for (let row = 0; row < rowCount; row += 1)
      sum += BigInt(Buffer.from(ids?.data ?? []).readInt32LE(row * 4));
  }
  if (chunks.length === 0) return { batchedRows, parquetRows: 0n, sum };
  const path = join(fixture.directory, 'result.parquet');
  await writeFile(path, Buffer.concat(chunks));
  const [[count, fileSum] = []] = await sender.rows(
    `SELECT count(*), sum(id)::BIGINT FROM ${readParquetExpression([path])}`,
  );
  return { batchedRows, parquetRows: BigInt(String(count)), sum: sum + BigInt(String(fileSum)) };
}
