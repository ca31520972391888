import { partitionOf } from '@millrace/engine/shard-hash';
import { isMillraceError, type MillraceError } from '@millrace/errors/millrace-error';
import {
  BadRows,
  ExtractErrorDetail,
  type ExtractEvent,
} from '@millrace/proto/millrace/extractor/v1/extractor';
import { trailerOf } from '@millrace/rpc/error-details';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { extractErrorKey } from './services/extractor-service.ts';
import { ArraySource } from './testing/array-source.ts';
import { ExtractHarness, extractRequest, jsonField, shapeOf, testTable } from './testing/extract-harness.ts';
import { querySlices, type ReceivedSlice } from './testing/fake-leaf.ts';

const harness = new ExtractHarness(2);
const int = { kind: 'int', unsigned: false } as const;
const varchar = { kind: 'varchar', length: 16 } as const;
const table = testTable(
  [
    { name: 'id', type: int },
    { name: 'name', type: varchar },
  ],
  { shardKey: ['id'] },
);
const shape = shapeOf({ fields: [jsonField('id'), jsonField('name')] });

beforeAll(() => harness.start());
afterAll(() => harness.stop());
beforeEach(() => {
  for (const leaf of harness.leaves) leaf.slices.length = 0;
});

function slices(): ReceivedSlice[] {
  return harness.leaves.flatMap((leaf) => leaf.slices);
}

function eventsOf(events: readonly ExtractEvent[], kind: 'slice' | 'warning' | 'done') {
  return events.flatMap(({ event }) => (event?.$case === kind ? [event] : []));
}

async function failureOf(promise: Promise<unknown>): Promise<MillraceError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isMillraceError(error)) throw new Error(`no MillraceError but ${String(error)}`);
  return error;
}

function run(values: readonly (string | null)[], change: Partial<Parameters<typeof extractRequest>[0]> = {}) {
  const source = new ArraySource({ '0': values });
  return harness.extract(
    source,
    extractRequest({
      table,
      shape,
      records: { '0': values.length },
      leaves: harness.leaves,
      partitionCount: 4,
      ...change,
    }),
  );
}

test('rows of all source partitions reach the partition of their shard key', async () => {
  const values = (from: number, count: number) =>
    Array.from({ length: count }, (_, index) =>
      JSON.stringify({ id: from + index, name: `n${from + index}` }),
    );
  const source = new ArraySource({ '0': values(0, 40), '1': values(40, 25), '2': [] });
  const request = extractRequest({
    table,
    shape,
    records: { '0': 40, '1': 25, '2': 0 },
    leaves: harness.leaves,
    partitionCount: 4,
  });
  const events = await harness.extract(source, request);
  const rows = await querySlices(slices(), 'SELECT id, name FROM slices ORDER BY id');
  expect(rows).toEqual(Array.from({ length: 65 }, (_, id) => [BigInt(id), `n${id}`]));
  for (const slice of slices()) {
    expect(slice.header.slice).toBe(`x-00000-p${slice.header.partition?.ordinal}`);
    const ids = await querySlices([slice], 'SELECT id FROM slices');
    for (const [id] of ids) {
      expect(partitionOf([{ type: int, value: id ?? null }], 4)).toBe(slice.header.partition?.ordinal);
    }
  }
  const staged = eventsOf(events, 'slice');
  expect(staged).toHaveLength(slices().length);
  const done = events.at(-1)?.event;
  expect(
    done?.$case === 'done' && done.done.ranges.map(({ records, rows: count }) => [records, count]),
  ).toEqual([
    [40n, 40n],
    [25n, 25n],
    [0n, 0n],
  ]);
});

test('a batch without rows stages nothing', async () => {
  const events = await run([null, '', '  \n ']);
  expect(slices()).toEqual([]);
  expect(events).toHaveLength(1);
});

test('rows that only the engine can judge go with the others, in order', async () => {
  const values = [
    '{"id":1,"name":"a"}',
    '{"id":"2.5","name":"b"}',
    '{"id":1e1,"name":true}',
    '{"id":4,"name":null}',
  ];
  await run(values, { partitionCount: 1 });
  expect(slices().map(({ header }) => header.slice)).toEqual(['x-00000-p0', 'x-00001-p0']);
  const rows = await querySlices(slices(), 'SELECT id, name FROM slices');
  expect(rows).toEqual([
    [1n, 'a'],
    [3n, 'b'],
    [10n, '1'],
    [4n, null],
  ]);
  expect(harness.leftovers()).toEqual([]);
});

test.each([
  ['{"id":1}', 'FIELD_MISSING', "topic 'events-N' partition 0 offset 2: the record has no field `name`"],
  [
    '{"id":"x","name":"a"}',
    'VALUE_WRONG_TYPE',
    'partition 0 offset 2: value of the wrong type for column "id", value \'x\'',
  ],
  [
    '{"id":3000000000,"name":"a"}',
    'VALUE_OUT_OF_RANGE',
    'partition 0 offset 2: value out of range for column "id"',
  ],
  [
    '{"id":1,"name":"12345678901234567"}',
    'VALUE_TOO_LONG',
    'partition 0 offset 2: value too long for column "name"',
  ],
  ['{"id":1,"name":"a"', 'ROW_PARSE', 'partition 0 offset 2: invalid JSON'],
  ['{"id":{"a":1},"name":"a"}', 'VALUE_WRONG_TYPE', 'partition 0 offset 2'],
  ['{"id":1,"name":"\u{d800}"}'.replace('\u{d800}', '\\uD800'), 'OK', ''],
])('%s is answered with %s', async (bad, code, message) => {
  const good = '{"id":1,"name":"ok"}';
  const values = [good, good, bad, good];
  if (code === 'OK') {
    await run(values);
    return;
  }
  const error = await failureOf(run(values));
  expect(error.code).toBe(code);
  expect(error.message.replace(/events-\d+/, 'events-N')).toContain(message);
  const detail = ExtractErrorDetail.decode(trailerOf(error, extractErrorKey) ?? new Uint8Array());
  expect(detail).toMatchObject({ kind: 'Load', sourcePartition: '0', offset: 2n, lineNumber: 1n });
  expect(harness.leftovers()).toEqual([]);
});

test('NULL in a NOT NULL column names the record', async () => {
  const strict = testTable([{ name: 'id', type: int, nullable: false }], { shardKey: ['id'] });
  const error = await failureOf(
    run(['{"id":1}', '{"id":null}'], { table: strict, shape: shapeOf({ fields: [jsonField('id')] }) }),
  );
  expect(error.code).toBe('NOT_NULL');
  expect(error.message).toContain('offset 1');
});

test('SET, WHERE, DEFAULT and variables', async () => {
  const wide = testTable([
    { name: 'id', type: int },
    { name: 'name', type: varchar },
    { name: 'late', type: { kind: 'decimal', precision: 6, scale: 2 } },
    { name: 'kind', type: varchar },
  ]);
  const events = await run(
    ['{"id":1,"v":"a"}', '{"id":2,"v":"b"}', '{"id":3,"v":"c","kind":"k"}{"id":4,"v":"d"}'],
    {
      table: wide,
      shape: shapeOf({
        fields: [
          jsonField('id'),
          {
            target: { $case: 'variable', variable: 'v' },
            path: ['v'],
            hasDefault: false,
            default: undefined,
          },
          { ...jsonField('kind'), hasDefault: true, default: { value: { $case: 'text', text: 'none' } } },
        ],
        set: [{ column: 'name', expression: `upper("@v") || '!'` }],
        defaults: [{ column: 'late', expression: '1.5' }],
        where: '"id" <> 2 AND "@v" <> \'d\'',
      }),
    },
  );
  const rows = await querySlices(slices(), 'SELECT id, name, late, kind FROM slices ORDER BY id');
  expect(rows).toEqual([
    [1n, 'A!', '1.50', 'none'],
    [3n, 'C!', '1.50', 'k'],
  ]);
  expect(eventsOf(events, 'done')).toHaveLength(1);
});

test('rows of a table with a unique key stay in order, whatever way they go', async () => {
  const unique = testTable(
    [
      { name: 'id', type: int },
      { name: 'name', type: varchar },
    ],
    { shardKey: ['id'], primaryKey: ['id'] },
  );
  const count = 2000;
  const values = Array.from({ length: count }, (_, index) => {
    // Odd numbers in a form that only the engine reads, from the middle on.
    const id = index > count / 2 && index % 2 === 1 ? `"+${index % 7}"` : String(index % 7);
    return `{"id":${id},"name":"${index}"}`;
  });
  await run(values, { table: unique });
  const ordered = slices().sort((a, b) => (a.header.slice < b.header.slice ? -1 : 1));
  const last = new Map<unknown, number>();
  let rows = 0;
  for (const slice of ordered) {
    for (const [id, name] of await querySlices([slice], 'SELECT id, name FROM slices')) {
      expect(Number(name)).toBeGreaterThan(last.get(id) ?? -1);
      last.set(id, Number(name));
      rows += 1;
    }
  }
  expect(rows).toBe(count);
});

test('a reference table gets the same slice on every leaf', async () => {
  const reference = testTable([{ name: 'id', type: int }], { reference: true });
  await run(['{"id":1}', '{"id":2}'], { table: reference, shape: shapeOf({ fields: [jsonField('id')] }) });
  for (const leaf of harness.leaves) {
    expect(leaf.slices.map(({ header }) => header.partition?.ordinal)).toEqual([-1]);
    expect(await querySlices(leaf.slices, 'SELECT id FROM slices')).toEqual([[1n], [2n]]);
  }
});

test('rows of a keyless table stay together and rotate by batch', async () => {
  const keyless = testTable([{ name: 'id', type: int }]);
  for (const batchId of [4n, 5n, 6n]) {
    await run(['{"id":1}', '{"id":2}'], {
      table: keyless,
      shape: shapeOf({ fields: [jsonField('id')] }),
      batchId,
    });
  }
  expect(
    slices()
      .map(({ header }) => header.partition?.ordinal)
      .sort(),
  ).toEqual([0, 1, 2]);
});

test('bad rows are left out with a warning where that is asked for', async () => {
  const events = await run(['{"id":1,"name":"a"}', '{"id":"x","name":"b"}', '{"id":3,"name":"c"}'], {
    shape: { ...shape, onParseError: BadRows.SKIP },
  });
  expect(await querySlices(slices(), 'SELECT id FROM slices ORDER BY id')).toEqual([[1n], [3n]]);
  const [warning] = eventsOf(events, 'warning');
  expect(warning).toMatchObject({ warning: { sourcePartition: '0', offset: 1n, code: 'VALUE_WRONG_TYPE' } });
});
