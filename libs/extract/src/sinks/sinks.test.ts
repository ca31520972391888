import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { type Engine, openEngine } from '@millrace/engine/duckdb-instance';
import { readParquetExpression } from '@millrace/engine/parquet';
import type { ScalarValue } from '@millrace/values/column-batch';
import { duckdbTypeOf } from '@millrace/values/duckdb-type-of';
import { formatSqlType, type SqlType } from '@millrace/values/sql-type';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { StageSlice } from '../delivery/slice-target.ts';
import { RowErrors } from '../rows/row-errors.ts';
import { fieldKind, RowFields } from '../rows/row-fields.ts';
import type { RowPlan } from '../rows/row-plan.ts';
import { noneSkipped } from '../testing/collect-rows.ts';
import { DirectSink, isDirectPlan, type SinkOptions } from './direct-sink.ts';
import { EngineSink } from './engine-sink.ts';

const partitionCount = 3;
const directory = mkdtempSync(join(tmpdir(), 'sinks-test-'));
let engine: Engine;

beforeAll(async () => {
  engine = await openEngine({ threads: 1, memoryLimitBytes: 1 << 28, tempDirectory: directory });
});
afterAll(() => {
  engine.close();
  rmSync(directory, { recursive: true });
});

const integers = (['tinyint', 'smallint', 'mediumint', 'int', 'bigint'] as const).flatMap(
  (kind): SqlType[] => [
    { kind, unsigned: false },
    { kind, unsigned: true },
  ],
);
const types: readonly SqlType[] = [
  ...integers,
  { kind: 'bool' },
  { kind: 'double' },
  { kind: 'decimal', precision: 7, scale: 2 },
  { kind: 'decimal', precision: 18, scale: 6 },
  { kind: 'varchar', length: 5 },
  { kind: 'char', length: 3 },
  { kind: 'binary', length: 3 },
  { kind: 'tinytext' },
  { kind: 'varbinary', length: 6 },
  { kind: 'date' },
  { kind: 'datetime', fraction: 0 },
  { kind: 'timestamp', fraction: 6 },
];

const edges = [
  '0',
  '-0',
  '127',
  '128',
  '-128',
  '-129',
  '255',
  '256',
  '32767',
  '32768',
  '65535',
  '8388607',
  '8388608',
];
const wide = [
  '16777215',
  '16777216',
  '2147483647',
  '2147483648',
  '-2147483648',
  '4294967295',
  '4294967296',
  '9007199254740993',
  '999999999999999',
  '1000000000000000',
  '9223372036854775807',
  '9223372036854775808',
  '-9223372036854775808',
  '-9223372036854775807',
  '18446744073709551615',
  '18446744073709551616',
  '9999999999999999999',
  '-4294967296',
  '-1',
];
const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 21 });
const number = fc.oneof(
  fc.constantFrom(...edges, ...wide),
  digits,
  fc
    .tuple(
      fc.constantFrom('-', '', '+'),
      digits,
      fc.constantFrom('', '.', '.5', '.25', '.125', '.000001', '.1234567', 'e2', 'e-3', 'E400'),
    )
    .map((parts) => parts.join('')),
  fc.double().map(String),
);
const two = (max: number) => fc.integer({ min: 0, max }).map((value) => String(value).padStart(2, '0'));
const year = fc
  .oneof(fc.integer({ min: 0, max: 9999 }), fc.constantFrom(1000, 1900, 1970, 2000, 2024, 2100))
  .map((value) => String(value).padStart(4, '0'));
const date = fc.tuple(year, two(13), two(32)).map((parts) => parts.join('-'));
const time = fc.tuple(two(24), two(60), two(60)).map((parts) => parts.join(':'));
const moment = fc
  .tuple(
    date,
    fc.constantFrom(' ', 'T'),
    time,
    fc.constantFrom('', '.', '.5', '.123456', '.1234567', 'Z', '+01:00'),
  )
  .map((parts) => parts.join(''));
const word = fc.string({ unit: fc.constantFrom('a', 'é', '😀', ' ', '0'), maxLength: 8 });
const text = fc.oneof(
  number,
  date,
  moment,
  word,
  fc.constantFrom('true', 'NULL', '', 'x', '1_0', '0x1F', ' 1', 'inf', 'nan'),
);
const cell = fc.oneof({ arbitrary: text, weight: 9 }, { arbitrary: fc.constant(null), weight: 1 });

function planOf(type: SqlType, sharded: boolean): RowPlan {
  const source = (field: number) => ({ kind: 'field' as const, field, fallback: undefined });
  return {
    tableName: 't',
    format: { kind: 'json', fields: [], required: [] },
    columns: [
      { name: 'n', type: { kind: 'int', unsigned: false }, nullable: false, source: source(0) },
      { name: 'v', type, nullable: true, source: source(1) },
    ],
    variables: [],
    where: '',
    shardKey: [sharded ? 1 : 0],
    ordered: true,
    skip: noneSkipped,
  };
}

/** Keeps what is staged as files per partition. */
class Stage {
  readonly files = new Map<number, string[]>();
  readonly stage: StageSlice = async ({ ordinal, slice }, chunks) => {
    const parts: Buffer[] = [];
    for await (const chunk of chunks) parts.push(chunk);
    const bytes = Buffer.concat(parts);
    const path = join(directory, `${ordinal}-${slice}-${nextFile++}.parquet`);
    writeFileSync(path, bytes);
    this.files.set(ordinal, [...(this.files.get(ordinal) ?? []), path]);
    return { bytes: BigInt(bytes.length), crc32: crc32(bytes) };
  };

  async rows(): Promise<ScalarValue[][]> {
    const connection = await engine.connect();
    const rows: ScalarValue[][] = [];
    for (const [ordinal, paths] of [...this.files].sort(([a], [b]) => a - b)) {
      const query = `SELECT ${ordinal}, n, CAST(v AS VARCHAR), typeof(v) FROM ${readParquetExpression(paths)} ORDER BY n`;
      rows.push(...(await connection.rows(query)));
    }
    connection.close();
    return rows;
  }
}
let nextFile = 0;

function optionsOf(plan: RowPlan, stage: Stage): SinkOptions {
  const partitions = Array.from({ length: partitionCount }, (_, ordinal) => ({
    ordinal,
    leafAddresses: ['leaf'],
  }));
  return {
    plan,
    stage: stage.stage,
    batchId: 0n,
    bufferBytesMax: 1 << 20,
    signal: new AbortController().signal,
    destination: {
      transactionId: 1n,
      databaseId: 1n,
      tableId: 1n,
      pipelineId: 1n,
      epoch: 1n,
      slicePrefix: 's',
      partitions,
    },
  };
}

function setRow(fields: RowFields, row: number, value: string | null): void {
  const name = Buffer.from(String(row));
  const bytes = Buffer.from(value ?? '');
  fields.clear();
  fields.setInput(Buffer.concat([name, bytes]));
  fields.kinds[0] = fieldKind.text;
  fields.starts[0] = 0;
  fields.ends[0] = name.length;
  fields.kinds[1] = value === null ? fieldKind.null : fieldKind.text;
  fields.starts[1] = name.length;
  fields.ends[1] = name.length + bytes.length;
}

test.each(types.map((type) => [formatSqlType(type), type] as const))(
  'values that are converted directly are those of the engine: %s',
  async (_, type) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(cell, { minLength: 1, maxLength: 100, size: 'max' }),
        fc.boolean(),
        async (values, sharded) => {
          const plan = planOf(type, sharded && type.kind !== 'decimal' && type.kind !== 'double');
          expect(isDirectPlan(plan)).toBe(true);
          const direct = new Stage();
          const general = new Stage();
          const directSink = new DirectSink(optionsOf(plan, direct), 's-0');
          const engineSink = new EngineSink({
            ...optionsOf(plan, general),
            errors: new RowErrors('t', [{ sourcePartition: '0', begin: 0n, end: 1n }], noneSkipped),
            connect: () => engine.connect(),
            directory: join(directory, 'staging'),
          });
          const fields = new RowFields(2);
          for (const [row, value] of values.entries()) {
            setRow(fields, row, value);
            if (directSink.tryAddRow(fields)) engineSink.addRow(fields);
          }
          await directSink.finish();
          await engineSink.flush('s-1');
          await engineSink.close();
          const rows = await direct.rows();
          expect(rows).toEqual(await general.rows());
          for (const [, , , stored] of rows) expect(stored).toBe(duckdbTypeOf(type));
        },
      ),
      { numRuns: 6 },
    );
  },
);

test.each([
  ['int', '12', true],
  ['int', '+12', false],
  ['bigint', '1234567890123456789', true],
  ['bigint', '-1234567890123456789', true],
  ['decimal', '12345.67', true],
  ['decimal', '1.234', false],
  ['datetime', '2026-01-31 10:00:00', true],
  ['varchar', 'aé😀', true],
  ['varchar', '123456', false],
] as const)('%s %s is plain: %s', (kind, value, plain) => {
  const type = types.find((candidate) => candidate.kind === kind) ?? { kind: 'null' };
  const sink = new DirectSink(optionsOf(planOf(type, false), new Stage()), 's');
  const fields = new RowFields(2);
  setRow(fields, 1, value);
  expect(sink.tryAddRow(fields)).toBe(plain);
});
