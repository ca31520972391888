import { setTimeout as delay } from 'node:timers/promises';
import { isMillraceError, MillraceError } from '@millrace/errors/millrace-error';
import {
  BadRows,
  ExtractErrorDetail,
  type ExtractEvent,
} from '@millrace/proto/millrace/extractor/v1/extractor';
import { callServerStream, callUnary } from '@millrace/rpc/client';
import { trailerOf } from '@millrace/rpc/error-details';
import { batchFromProto } from '@millrace/rpc/values';
import { rowsOf } from '@millrace/values/column-batch';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { extractErrorKey } from './services/extractor-service.ts';
import { ArraySource } from './testing/array-source.ts';
import { csvFormat, ExtractHarness, extractRequest, shapeOf, testTable } from './testing/extract-harness.ts';
import { querySlices, type ReceivedSlice } from './testing/fake-leaf.ts';
import { FakeRunner } from './testing/fake-runner.ts';

// Small enough that batches are processed in several chunks.
const harness = new ExtractHarness(1, { bufferBytesMax: 3 * 1024 * 1024 });
const runner = new FakeRunner();
const int = { kind: 'int', unsigned: false } as const;
const text = { kind: 'longtext' } as const;
const table = testTable(
  [
    { name: 'id', type: int },
    { name: 'name', type: text },
  ],
  { shardKey: ['id'] },
);
const tsv = shapeOf({ format: csvFormat() });

beforeAll(async () => {
  await harness.start();
  await runner.start();
});
afterAll(() => {
  harness.stop();
  runner.stop();
});
beforeEach(() => {
  for (const leaf of harness.leaves) {
    leaf.slices.length = 0;
    leaf.beforeChunk = () => Promise.resolve();
  }
});

function slices(): ReceivedSlice[] {
  return harness.leaves.flatMap((leaf) => leaf.slices);
}

function requestOf(records: Readonly<Record<string, number>>, shape = tsv) {
  const request = extractRequest({ table, shape, records, leaves: harness.leaves, partitionCount: 2 });
  return { ...request, runnerAddress: runner.address };
}

function run(values: readonly string[], shape = tsv, signal?: AbortSignal): Promise<ExtractEvent[]> {
  return harness.extract(
    new ArraySource({ '0': values }, 200),
    requestOf({ '0': values.length }, shape),
    signal,
  );
}

async function failureOf(promise: Promise<unknown>): Promise<MillraceError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isMillraceError(error)) throw new Error(`no MillraceError but ${String(error)}`);
  return error;
}

test('records of several lines, without a column list', async () => {
  await run(['1\ta\n2\tb\\tc\n', '3\t\\N']);
  expect(await querySlices(slices(), 'SELECT id, name FROM slices ORDER BY id')).toEqual([
    [1n, 'a'],
    [2n, 'b\tc'],
    [3n, null],
  ]);
});

test('a bad line fails the batch and is shown', async () => {
  const error = await failureOf(run(['1\ta', '2\tb\n3\n4\td']));
  expect(error.code).toBe('FIELD_MISSING');
  expect(error.message).toContain("partition 0 offset 1: Row 2 doesn't contain data for all columns");
  const detail = ExtractErrorDetail.decode(trailerOf(error, extractErrorKey) ?? new Uint8Array());
  expect(detail).toMatchObject({ kind: 'Load', offset: 1n, line: '3', lineNumber: 2n });
});

test('an empty field for a number is shown as the wrong value', async () => {
  const error = await failureOf(run(['1\ta', '\tb']));
  expect(error.message).toContain(`offset 1: value of the wrong type for column "id", value ''`);
});

test('SKIP PARSER ERRORS leaves out lines of every kind of error', async () => {
  const values = ['1\ta', 'x\tb', '3', '4\td\te', '5\tf', '99999999999\tg'];
  const events = await run(values, { ...tsv, onParseError: BadRows.SKIP });
  expect(await querySlices(slices(), 'SELECT id, name FROM slices ORDER BY id')).toEqual([
    [1n, 'a'],
    [5n, 'f'],
  ]);
  const warnings = events.flatMap(({ event }) =>
    event?.$case === 'warning' ? [[event.warning.offset, event.warning.code]] : [],
  );
  expect(warnings.sort()).toEqual([
    [1n, 'VALUE_WRONG_TYPE'],
    [2n, 'FIELD_MISSING'],
    [3n, 'FIELD_EXCESS'],
    [5n, 'VALUE_OUT_OF_RANGE'],
  ]);
});

test.each([
  ['SKIP PARSER ERRORS', { onParseError: BadRows.SKIP }, 'NOT_NULL', 2n],
  ['SKIP CONSTRAINT ERRORS', { onConstraintError: BadRows.SKIP }, 'VALUE_WRONG_TYPE', 1n],
])('%s skips its own kind of error only', async (_, skip, code, offset) => {
  const values = ['1\ta', 'x\tb', '3\t\\N', '4\td'];
  const columns = [
    { name: 'id', type: int },
    { name: 'name', type: text, nullable: false },
  ];
  const strict = testTable(columns, { shardKey: ['id'] });
  const request = requestOf({ '0': values.length }, { ...tsv, ...skip });
  const source = new ArraySource({ '0': values }, 200);
  const error = await failureOf(harness.extract(source, { ...request, table: strict }));
  expect([error.code, error.message]).toEqual([code, expect.stringContaining(`offset ${offset}: `)]);
  const both = { onParseError: BadRows.SKIP, onConstraintError: BadRows.SKIP };
  const all = requestOf({ '0': values.length }, { ...tsv, ...both });
  const events = await harness.extract(new ArraySource({ '0': values }, 200), { ...all, table: strict });
  const warnings = events.flatMap(({ event }) => (event?.$case === 'warning' ? [event.warning] : []));
  expect(warnings.map((warning) => warning.code).sort()).toEqual(['NOT_NULL', 'VALUE_WRONG_TYPE']);
  expect(warnings.map((warning) => warning.message).sort()).toEqual([
    expect.stringMatching(/^topic '.*' partition 0 offset 1: value of the wrong type/),
    expect.stringMatching(/^topic '.*' partition 0 offset 2: NULL for NOT NULL column/),
  ]);
});

test.each([
  ['direct', tsv],
  ['through the engine', { ...tsv, where: '"id" >= 0' }],
])('a batch larger than its memory goes in chunks: %s', async (_, shape) => {
  const count = 30_000;
  const filler = 'x'.repeat(200);
  const values = Array.from({ length: count }, (_unused, id) => `${id}\t${filler}${id}`);
  await run(values, shape);
  const totals = 'SELECT count(*), count(DISTINCT id), sum(id), count(DISTINCT name) FROM slices';
  expect(await querySlices(slices(), totals)).toEqual([
    [BigInt(count), BigInt(count), String((count * (count - 1)) / 2), BigInt(count)],
  ]);
  // One slice a partition that grows by row groups, or one a partition and chunk.
  const names = new Set(slices().map(({ header }) => header.slice));
  if (shape.where === '') expect(names.size).toBe(2);
  else expect(names.size).toBeGreaterThan(4);
  expect(harness.leftovers()).toEqual([]);
});

test('a slow leaf slows the reading instead of filling the memory', async () => {
  let taken = 0;
  let pushed = 0;
  let largestLead = 0;
  const values = Array.from({ length: 60_000 }, (_, id) => `${id}\t${'y'.repeat(300)}${id}`);
  const source = new ArraySource({ '0': values }, 500);
  source.beforeBlock = async () => {
    pushed += 500 * 310;
    largestLead = Math.max(largestLead, pushed - taken);
  };
  for (const leaf of harness.leaves) {
    leaf.beforeChunk = async (bytes) => {
      await delay(2);
      taken += bytes;
    };
  }
  await harness.extract(source, requestOf({ '0': values.length }));
  expect(pushed).toBeGreaterThan(12 * 1024 * 1024);
  // gRPC itself holds a few messages in each direction.
  expect(largestLead).toBeLessThan(10 * 1024 * 1024);
});

test('an error of a leaf ends the batch with its own code', async () => {
  for (const leaf of harness.leaves) {
    leaf.beforeChunk = () => Promise.reject(new MillraceError('DISK_FULL', 'no space'));
  }
  const error = await failureOf(run(['1\ta']));
  expect(error.code).toBe('DISK_FULL');
  expect(error.message).toContain(`staging at leaf ${harness.leaves[0]?.address}`);
});

test('a leaf that is gone is named', async () => {
  const request = requestOf({ '0': 1 });
  const gone = { ...request, targets: [{ ordinal: 0, leafAddress: '127.0.0.1:1' }] };
  const error = await failureOf(harness.extract(new ArraySource({ '0': ['1\ta'] }), gone));
  expect(error.code).toBe('LEAF_UNAVAILABLE');
  expect(error.message).toContain('127.0.0.1:1');
});

test('cancelling the call stops the reading and leaves nothing behind', async () => {
  const cancel = new AbortController();
  let stopped: AbortSignal | undefined;
  const source = new ArraySource({ '0': ['1\ta', '2\tb', '3\tc', '4\td'] }, 1);
  let blocks = 0;
  source.beforeBlock = async (signal) => {
    blocks += 1;
    if (blocks < 3) return;
    stopped = signal;
    cancel.abort();
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  };
  const error = await failureOf(
    harness.extract(source, requestOf({ '0': 4 }, { ...tsv, where: '"id" > 0' }), cancel.signal),
  );
  expect(error.code).toBe('QUERY_KILLED');
  await expect.poll(() => stopped?.aborted).toBe(true);
  expect(blocks).toBe(3);
  await expect.poll(() => harness.leftovers()).toEqual([]);
  expect(slices()).toEqual([]);
});

const transform = { uri: 'file:///x', executable: 'double', arguments: '' };

test('a transform sees frames and its output is read in the declared format', async () => {
  runner.programs['double'] = (frame) => `${Number(frame.toString()) * 2}\t${frame.toString()}\n`;
  const source = new ArraySource({ '0': ['1', '2', null, '3'], '1': ['10', '20'] });
  const events = await harness.extract(source, requestOf({ '0': 4, '1': 2 }, { ...tsv, transform }));
  expect(await querySlices(slices(), 'SELECT id, name FROM slices ORDER BY id')).toEqual([
    [2n, '1'],
    [4n, '2'],
    [6n, '3'],
    [20n, '10'],
    [40n, '20'],
  ]);
  const done = events.at(-1)?.event;
  expect(done?.$case === 'done' && done.done.ranges).toMatchObject([
    { records: 4n, rows: 3n, transformedBytes: 12n },
    { records: 2n, rows: 2n, transformedBytes: 12n },
  ]);
});

test('a failing transform ends the batch with its stderr', async () => {
  runner.programs['double'] = () => {
    throw new MillraceError('TRANSFORM_FAILED', 'exit code 3', { detail: 'Traceback: boom' });
  };
  const error = await failureOf(run(['1'], { ...tsv, transform }));
  expect(error.code).toBe('TRANSFORM_FAILED');
  expect(error.message).toMatch(/topic 'events-\d+' partition 0 offsets 0 to 0: exit code 3/);
  const detail = ExtractErrorDetail.decode(trailerOf(error, extractErrorKey) ?? new Uint8Array());
  expect(detail).toMatchObject({ kind: 'Transform', sourcePartition: '0', stdError: 'Traceback: boom' });
});

test('a bad line of a transform names its place in the output', async () => {
  runner.programs['double'] = (frame) => `${frame.toString()}\tx\n`;
  const error = await failureOf(run(['1', 'oops'], { ...tsv, transform }));
  expect(error.code).toBe('VALUE_WRONG_TYPE');
  expect(error.message).toContain("partition 0 offsets 0 to 1, row 2 of the transform's output");
});

test('a preview returns the rows and stages nothing', async () => {
  harness.source = new ArraySource({ '0': ['1\ta', '2\tb', '3\tc'] });
  const client = harness.client();
  const request = {
    ...requestOf({ '0': 3 }),
    source: { type: 'array', brokers: 'preview', topic: '', config: {}, credentials: {} },
  };
  const rows: unknown[] = [];
  const columns: string[] = [];
  for await (const part of callServerStream(client, client.preview, { extract: request, rowsMax: 2n })) {
    columns.push(...part.columns.map(({ name }) => name));
    if (part.batch !== undefined) rows.push(...rowsOf(batchFromProto(part.batch)));
  }
  expect(columns).toEqual(['id', 'name']);
  expect(rows).toEqual([
    [1n, 'a'],
    [2n, 'b'],
  ]);
  expect(slices()).toEqual([]);
  expect(harness.leftovers()).toEqual([]);
});

test('describing a source waits for data beyond the cursors', async () => {
  let latest = 5n;
  harness.source = {
    describe: () => Promise.resolve([{ sourcePartition: '0', earliest: 0n, latest }]),
    read: () => Promise.resolve(),
    close: () => {},
  };
  const client = harness.client();
  const source = { type: 'array', brokers: 'describe', topic: '', config: {}, credentials: {} };
  const ask = (offset: bigint, waitMs: number) =>
    callUnary(client, client.describeSource, { source, cursors: [{ sourcePartition: '0', offset }], waitMs });
  expect((await ask(4n, 10_000)).partitions).toEqual([
    { sourcePartition: '0', earliestOffset: 0n, latestOffset: 5n },
  ]);
  expect((await ask(5n, 50)).partitions[0]?.latestOffset).toBe(5n);
  const waiting = ask(5n, 10_000);
  latest = 6n;
  expect((await waiting).partitions[0]?.latestOffset).toBe(6n);
});
