import fc from 'fast-check';
import { expect, test } from 'vitest';
import { unframe } from './unframe.ts';

function framed(record: Uint8Array): Buffer {
  const header = Buffer.alloc(8);
  header.writeBigUInt64LE(BigInt(record.length));
  return Buffer.concat([header, record]);
}

test('gives every record once, however the input is cut', async () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 40 })), cuts, async (records, sizes) => {
      const bytes = Buffer.concat(records.map(framed));
      async function* chunks() {
        for (let at = 0, cut = 0; at < bytes.length; cut += 1) {
          const size = sizes[cut % sizes.length] ?? 1;
          yield bytes.subarray(at, at + size);
          at += size;
        }
      }
      const output: Buffer[] = [];
      for await (const chunk of unframe(chunks())) output.push(chunk);
      const lines = records.map((record) => Buffer.concat([record, Buffer.from('\n')]));
      expect(Buffer.concat(output)).toEqual(Buffer.concat(lines));
    }),
  );
});
