import { encodeRecordBatch } from '@millrace/kafka/record-batch-encoder';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RecordBatchBuilder } from '../bench/load/record-batch-builder.ts';
import { parseOptions } from '../bench/options.ts';
import { medianOf, quantileOf, sortedNumbers } from '../bench/statistics.ts';
import { formatNumber, textTable } from '../bench/text-table.ts';

describe('statistics of the benchmarks', () => {
  it('takes the nearest rank as quantile', () => {
    const values = sortedNumbers([30, 10, 20, 40]);
    expect([0, 0.25, 0.26, 0.5, 0.99, 1].map((quantile) => quantileOf(values, quantile))).toEqual([
      10, 10, 20, 20, 40, 40,
    ]);
    expect(() => quantileOf([], 0.5)).toThrow('no values');
  });

  it('takes the middle, or the mean of the middle two, as median', () => {
    expect(medianOf([9, 1, 4])).toBe(4);
    expect(medianOf([9, 1, 4, 5])).toBe(4.5);
    expect(() => medianOf([])).toThrow('no values');
  });
});

describe('output of the benchmarks', () => {
  it('aligns text at the left and numbers at the right', () => {
    const rows = [
      ['a', formatNumber(1234567)],
      ['longer', formatNumber(1.25, 1)],
    ];
    expect(textTable([{ title: 'name', align: 'left' }, { title: 'n' }], rows)).toBe(
      ['name            n', '------  ---------', 'a       1,234,567', 'longer        1.3'].join('\n'),
    );
  });

  it('says what is wrong with the arguments', () => {
    expect(parseOptions(['all', '--rows', '10_000']).rows).toBe(10_000);
    expect(() => parseOptions([])).toThrow('name one benchmark');
    expect(() => parseOptions(['speed'])).toThrow(
      "benchmark is one of ingest, freshness, query, scale, not 'speed'",
    );
    expect(() => parseOptions(['ingest', '--rows', '0'])).toThrow("--rows is a positive number, not '0'");
  });
});

it('builds the same batches as the plain encoder', () => {
  const values = fc.array(fc.uint8Array({ maxLength: 400 }), { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(values, fc.integer({ min: 0, max: 2 ** 41 }), (records, timestampMs) => {
      const builder = new RecordBatchBuilder(200_000);
      builder.reset();
      for (const value of records) builder.add(Buffer.from(value), 0, value.length);
      const expected = encodeRecordBatch({
        baseOffset: 0n,
        baseTimestamp: BigInt(timestampMs),
        records: records.map((value) => ({ value: Buffer.from(value) })),
      });
      // The leader epoch is the broker's to set, and outside the checksum.
      expected.writeInt32BE(-1, 12);
      expect(builder.finish(timestampMs).equals(expected)).toBe(true);
    }),
    { numRuns: 30 },
  );
});
