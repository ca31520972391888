import { shardHash } from '@millrace/engine/shard-hash';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RowHash } from './row-hash.ts';

const integers = fc
  .oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.bigInt({ min: -70_000n, max: 70_000n }))
  .map((value) => ({ type: { kind: 'bigint', unsigned: false } as const, value }));
const texts = fc
  .string({ unit: 'binary', maxLength: 40 })
  .map((value) => ({ type: { kind: 'longtext' } as const, value }));
const nulls = fc.constant({ type: { kind: 'longtext' } as const, value: null });

test('rows go to the partition that the engine hash says', () => {
  const hash = new RowHash();
  fc.assert(
    fc.property(
      fc.array(fc.oneof(integers, texts, nulls), { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 65_535 }),
      (key, partitionCount) => {
        hash.start();
        for (const { value } of key) {
          if (value === null) {
            hash.addNull();
          } else if (typeof value === 'bigint') {
            hash.addInteger(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
          } else {
            const bytes = Buffer.from(`--${value}`);
            hash.addBytes(bytes, 2, bytes.length);
          }
        }
        expect(hash.partition(partitionCount)).toBe(Number(shardHash(key) % BigInt(partitionCount)));
      },
    ),
    { numRuns: 2000 },
  );
});
