import { columnBatchOf } from '@millrace/values/column-batch';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { binaryRowEncoder } from './binary-row.ts';
import { ChunkPool } from './chunk-pool.ts';
import { PacketReader } from './packet-reader.ts';
import { PacketWriter } from './packet-writer.ts';
import {
  readBinaryDate,
  readBinaryDateTime,
  readBinaryTime,
  writeBinaryDateTime,
  writeBinaryTime,
} from './temporal.ts';
import { column } from './testing/scripted-session.ts';
import { doubleText, textRowEncoder } from './text-row.ts';

const edges = [
  0n,
  1n,
  -1n,
  9n,
  10n,
  99_999_999n,
  100_000_000n,
  2n ** 31n,
  -(2n ** 31n),
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n,
  -(2n ** 53n),
  -(2n ** 53n) - 1n,
  2n ** 63n - 1n,
  -(2n ** 63n),
];

function payloadOf(write: (writer: PacketWriter) => void): PacketReader {
  const writer = new PacketWriter(new ChunkPool(1));
  write(writer);
  return new PacketReader(writer.take().bytes);
}

describe('integers', () => {
  it('print as BigInt prints them, signed and unsigned', () => {
    const signed = fc.oneof(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.constantFrom(...edges),
      fc.integer().map(BigInt),
      fc.maxSafeInteger().map(BigInt),
    );
    fc.assert(
      fc.property(fc.array(signed, { minLength: 1, maxLength: 8 }), (values) => {
        const batch = columnBatchOf(
          ['int64', 'uint64'],
          values.map((value) => [value, BigInt.asUintN(64, value)]),
        );
        const columns = [
          column('s', { kind: 'bigint', unsigned: false }),
          column('u', { kind: 'bigint', unsigned: true }),
        ];
        const text = payloadOf((writer) => textRowEncoder(columns, batch)(writer, 0, 2 ** 20));
        const binary = payloadOf((writer) => binaryRowEncoder(columns, batch)(writer, 0, 2 ** 20));
        for (const value of values) {
          text.skip(4);
          expect(text.lengthEncodedBytes().toString()).toBe(value.toString());
          expect(text.lengthEncodedBytes().toString()).toBe(BigInt.asUintN(64, value).toString());
          binary.skip(4 + 2);
          expect(binary.i64()).toBe(value);
          expect(binary.u64()).toBe(BigInt.asUintN(64, value));
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('are read from a vector that is a part of a larger buffer', () => {
    const values = BigInt64Array.from([1n, 2n, 3n, -4n]).subarray(2);
    const batch = { rowCount: 2, columns: [{ kind: 'int64' as const, values }] };
    const text = payloadOf((writer) =>
      textRowEncoder([column('n', { kind: 'int', unsigned: false })], batch)(writer, 0, 1000),
    );
    text.skip(4);
    expect(text.lengthEncodedBytes().toString()).toBe('3');
    text.skip(4);
    expect(text.lengthEncodedBytes().toString()).toBe('-4');
  });
});

describe('doubles', () => {
  it('print in the shortest form that reads back', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), (value) => {
        expect(Number(doubleText(value, false))).toBe(value === 0 ? 0 : value);
      }),
    );
    expect(doubleText(1e300, false)).toBe('1e300');
    expect(doubleText(1.5e-9, false)).toBe('1.5e-9');
    expect(doubleText(-146486683.75, true)).toBe('-146487000');
    expect(doubleText(Math.fround(0.1), true)).toBe('0.1');
  });
});

describe('dates and times in binary form', () => {
  const two = (value: number): string => String(value).padStart(2, '0');
  const fraction = fc
    .integer({ min: 0, max: 999_999 })
    .map((value) => (value === 0 ? '' : `.${String(value).padStart(6, '0')}`));
  const sixty = fc.integer({ min: 0, max: 59 }).map(two);
  const date = fc
    .tuple(
      fc.integer({ min: 0, max: 9999 }),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 31 }),
    )
    .map(([year, month, day]) => `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`);
  const clock = fc
    .tuple(fc.integer({ min: 0, max: 23 }).map(two), sixty, sixty, fraction)
    .map(([h, m, s, f]) => `${h}:${m}:${s}${f}`);

  it('come back as the text they were made from', () => {
    fc.assert(
      fc.property(date, clock, (day, time) => {
        expect(readBinaryDateTime(payloadOf((writer) => writeBinaryDateTime(writer, `${day} ${time}`)))).toBe(
          `${day} ${time}`,
        );
        expect(readBinaryDate(payloadOf((writer) => writeBinaryDateTime(writer, day)))).toBe(day);
      }),
    );
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.integer({ min: 0, max: 838 }).map(two),
        sixty,
        sixty,
        fraction,
        (negative, h, m, s, f) => {
          const text = `${negative ? '-' : ''}${h}:${m}:${s}${f}`;
          const expected = /[1-9]/.test(text) ? text : '00:00:00';
          expect(readBinaryTime(payloadOf((writer) => writeBinaryTime(writer, text)))).toBe(expected);
        },
      ),
    );
  });

  it('use the shortest form', () => {
    const bytes = (text: string): number =>
      payloadOf((writer) => writeBinaryDateTime(writer, text)).remaining;
    expect(bytes('0000-00-00')).toBe(1);
    expect(bytes('2026-01-31')).toBe(5);
    expect(bytes('2026-01-31 00:00:00')).toBe(5);
    expect(bytes('2026-01-31 10:00:00')).toBe(8);
    expect(bytes('2026-01-31 10:00:00.000000')).toBe(8);
    expect(bytes('2026-01-31 10:00:00.000001')).toBe(12);
  });

  it.each([
    '',
    'x',
    '2026/01/31',
    '2026-01-31T10:00:00',
    '2026-01-31 10:00:00.x',
    '-5-01-01',
    '2026-01-31 10:00:00.0000001x',
  ])('refuse %j', (text) => {
    expect(() => payloadOf((writer) => writeBinaryDateTime(writer, text))).toThrow(TypeError);
  });
});

describe('row encoders', () => {
  const columns = [
    column('n', { kind: 'int', unsigned: false }),
    column('s', { kind: 'varchar', length: 5 }),
  ];

  it('stop when the buffer is full and go on at the row they name', () => {
    const batch = columnBatchOf(
      ['int64', 'text'],
      Array.from({ length: 100 }, (_, row) => [row, `v${row}`]),
    );
    const encode = textRowEncoder(columns, batch);
    const writer = new PacketWriter(new ChunkPool(1));
    const rows: string[] = [];
    let row = 0;
    let rounds = 0;
    while (row < 100) {
      row = encode(writer, row, 50);
      const bytes = writer.take().bytes;
      expect(bytes.length).toBeLessThan(50 + 20);
      rounds += 1;
      for (const reader = new PacketReader(bytes); reader.remaining > 0; ) {
        reader.skip(4);
        rows.push(`${reader.lengthEncodedBytes()}/${reader.lengthEncodedBytes()}`);
      }
    }
    expect(rows).toEqual(Array.from({ length: 100 }, (_, index) => `${index}/v${index}`));
    expect(rounds).toBeGreaterThan(10);
  });

  it('refuse a batch that does not fit its columns', () => {
    const batch = columnBatchOf(['text', 'text'], [['1', 'a']]);
    expect(() => textRowEncoder(columns, batch)).toThrow(
      "column 'n' has a vector of kind text, expected int64",
    );
    expect(() => binaryRowEncoder(columns.slice(1), batch)).toThrow('2 vectors for 1 columns');
  });

  it('mark NULLs of wide binary rows in the bitmap', () => {
    const wide = Array.from({ length: 20 }, (_, index) =>
      column(`c${index}`, { kind: 'tinyint', unsigned: false }),
    );
    const values = wide.map((_, index) => (index % 3 === 0 ? null : index));
    const batch = columnBatchOf(
      wide.map(() => 'int64'),
      [values],
    );
    const reader = payloadOf((writer) => binaryRowEncoder(wide, batch)(writer, 0, 1000));
    reader.skip(4);
    expect(reader.u8()).toBe(0);
    const bitmap = reader.bytes(3);
    values.forEach((value, index) => {
      const isNull = (((bitmap[(index + 2) >> 3] ?? 0) >> ((index + 2) & 7)) & 1) === 1;
      expect(isNull).toBe(value === null);
      if (value !== null) expect(reader.i8()).toBe(value);
    });
    expect(reader.remaining).toBe(0);
  });
});
