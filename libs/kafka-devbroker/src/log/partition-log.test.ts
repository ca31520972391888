import { appendFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeRecordBatch } from '@millrace/kafka/record-batch-encoder';
import { batchField } from '@millrace/kafka/record-batch-header';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { errorCode } from '../wire/error-code.ts';
import { PartitionLog, type PartitionLogOptions } from './partition-log.ts';

const name = { topic: 't', partition: 0 };

const options: PartitionLogOptions = {
  segmentBytesMax: 20_000,
  batchBytesMax: 1 << 20,
  producersMax: 10,
  syncEachAppend: false,
  verifyChecksums: true,
};

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-log-'));
});

afterEach(() => rm(directory, { recursive: true }));

const open = (changed: Partial<PartitionLogOptions> = {}) =>
  PartitionLog.open(directory, name, { ...options, ...changed });

function batchOf(records: number, valueBytes: number, baseTimestamp = 0n): Buffer {
  const each = Array.from({ length: records }, (_, i) => ({
    value: Buffer.alloc(valueBytes, i),
    timestampDelta: i,
  }));
  return encodeRecordBatch({ baseOffset: 0n, baseTimestamp, records: each });
}

/** What the log must hold: the appended batches, as their offset was assigned. */
interface Model {
  readonly batches: { base: bigint; last: bigint; bytes: Buffer }[];
  end: bigint;
}

async function fill(log: PartitionLog, sizes: readonly (readonly [number, number])[]): Promise<Model> {
  const model: Model = { batches: [], end: 0n };
  for (const [records, valueBytes] of sizes) {
    const bytes = batchOf(records, valueBytes, BigInt(model.batches.length) * 1000n);
    const { baseOffset } = await log.append(bytes);
    expect(baseOffset).toBe(model.end);
    model.end += BigInt(records);
    model.batches.push({ base: baseOffset, last: model.end - 1n, bytes });
  }
  return model;
}

/** What a read must return at `offset`: whole batches within `bytesMax`, at least one, of one segment. */
function checkRead(model: Model, offset: bigint, bytesMax: number, bytes: Buffer): void {
  const from = model.batches.findIndex((batch) => batch.last >= offset);
  if (from === -1) {
    expect(bytes.length).toBe(0);
    return;
  }
  let at = from;
  let taken = 0;
  while (taken < bytes.length) taken += model.batches[at++]?.bytes.length ?? Number.POSITIVE_INFINITY;
  expect(at).toBeGreaterThan(from);
  expect(bytes.equals(Buffer.concat(model.batches.slice(from, at).map((batch) => batch.bytes)))).toBe(true);
  if (at > from + 1) expect(bytes.length).toBeLessThanOrEqual(bytesMax);
}

const sizes = fc.array(fc.tuple(fc.integer({ min: 1, max: 20 }), fc.constantFrom(0, 10, 500, 3000)), {
  minLength: 1,
  maxLength: 25,
});

describe('PartitionLog', () => {
  it('returns every batch at every offset, also after being opened again', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, fc.integer({ min: 0, max: 60_000 }), async (each, bytesMax) => {
        await rm(directory, { recursive: true });
        let log = await open();
        const model = await fill(log, each);
        for (const reopened of [false, true]) {
          if (reopened) {
            await log.close();
            log = await open();
          }
          expect(log.endOffset).toBe(model.end);
          for (let offset = 0n; offset <= model.end; offset++) {
            checkRead(model, offset, bytesMax, await log.read(offset, bytesMax));
          }
        }
        await log.close();
      }),
      { numRuns: 25 },
    );
  });

  it('reads a log from start to end in steps of any size', async () => {
    const log = await open();
    const model = await fill(
      log,
      Array.from({ length: 60 }, (_, i) => [(i % 7) + 1, (i * 37) % 900]),
    );
    for (const bytesMax of [0, 1, 5_000, 1 << 20]) {
      const read: Buffer[] = [];
      let next = 0n;
      while (next < model.end) {
        const bytes = await log.read(next, bytesMax);
        read.push(bytes);
        const taken = Buffer.concat(read).length;
        let sum = 0;
        next = (model.batches.find((batch) => (sum += batch.bytes.length) === taken)?.last ?? -2n) + 1n;
      }
      expect(Buffer.concat(read).equals(Buffer.concat(model.batches.map((batch) => batch.bytes)))).toBe(true);
    }
    expect((await readdir(directory)).length).toBeGreaterThan(1);
    await log.close();
  });

  it('cuts off a batch that was not written completely, wherever the write stopped', async () => {
    const log = await open();
    const model = await fill(log, [
      [3, 10],
      [2, 40],
    ]);
    await log.close();
    const path = join(directory, '00000000000000000000.log');
    const whole = await readFile(path);
    const kept = model.batches[0]?.bytes.length ?? 0;
    for (let size = kept; size < whole.length; size++) {
      await writeFile(path, whole.subarray(0, size));
      const reopened = await open();
      expect(reopened.endOffset).toBe(3n);
      const { baseOffset } = await reopened.append(batchOf(1, 5));
      expect(baseOffset).toBe(3n);
      await reopened.close();
    }
  });

  it('cuts off a tail of zeros and a tail with a wrong checksum', async () => {
    const log = await open();
    await fill(log, [
      [3, 10],
      [2, 40],
    ]);
    await log.close();
    const path = join(directory, '00000000000000000000.log');
    const whole = await readFile(path);
    await appendFile(path, Buffer.alloc(500));
    const zeros = await open();
    expect(zeros.endOffset).toBe(5n);
    await zeros.close();
    expect((await readFile(path)).equals(whole)).toBe(true);
    whole.writeUInt8(whole.readUInt8(whole.length - 3) ^ 1, whole.length - 3);
    await writeFile(path, whole);
    const unverified = await open({ verifyChecksums: false });
    expect(unverified.endOffset).toBe(5n);
    await unverified.close();
    const verified = await open();
    expect(verified.endOffset).toBe(3n);
    await verified.close();
  });

  it('refuses a log that is damaged elsewhere than at its end', async () => {
    const log = await open();
    await fill(
      log,
      Array.from({ length: 20 }, () => [4, 500] as const),
    );
    await log.close();
    const path = join(directory, '00000000000000000000.log');
    await truncate(path, 3000);
    await expect(open()).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
  });

  it('truncates to the start of the batch that holds the offset', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat({ max: 300 }), async (each, cut) => {
        await rm(directory, { recursive: true });
        const log = await open();
        const model = await fill(log, each);
        const kept = model.batches.filter((batch) => batch.last < BigInt(cut));
        const end = (kept.at(-1)?.last ?? -1n) + 1n;
        expect(await log.truncate(BigInt(cut))).toBe(end);
        const shorter: Model = { batches: kept, end };
        for (let offset = 0n; offset <= end; offset++) {
          checkRead(shorter, offset, 9000, await log.read(offset, 9000));
        }
        await expect(log.read(end + 1n, 10)).rejects.toMatchObject({ code: errorCode.OFFSET_OUT_OF_RANGE });
        expect(await log.append(batchOf(2, 10))).toEqual({ baseOffset: end, duplicate: false });
        await log.close();
        const reopened = await open();
        expect(reopened.endOffset).toBe(end + 2n);
        await reopened.close();
      }),
      { numRuns: 25 },
    );
  });

  it('moves its start, deletes the files before it and remembers it', async () => {
    const log = await open();
    const model = await fill(
      log,
      Array.from({ length: 30 }, () => [4, 500] as const),
    );
    const files = (await readdir(directory)).length;
    expect(await log.advanceStart(77n)).toBe(77n);
    expect((await readdir(directory)).length).toBeLessThan(files);
    expect(await log.advanceStart(10n)).toBe(77n);
    await log.close();
    const reopened = await open();
    expect([reopened.startOffset, reopened.endOffset]).toEqual([77n, 120n]);
    await expect(reopened.read(76n, 10)).rejects.toMatchObject({ code: errorCode.OFFSET_OUT_OF_RANGE });
    checkRead(model, 77n, 5000, await reopened.read(77n, 5000));
    expect(await reopened.advanceStart(1000n)).toBe(120n);
    expect(await reopened.truncate(115n)).toBe(112n);
    expect(reopened.startOffset).toBe(112n);
    await reopened.close();
  });

  it('finds the first record at or after a time', async () => {
    const log = await open();
    // Batch i holds the times 1000 i to 1000 i + 3.
    await fill(
      log,
      Array.from({ length: 30 }, () => [4, 500] as const),
    );
    expect(await log.findTimestamp(0n)).toEqual({ timestamp: 0n, offset: 0n });
    expect(await log.findTimestamp(5002n)).toEqual({ timestamp: 5002n, offset: 22n });
    expect(await log.findTimestamp(5004n)).toEqual({ timestamp: 6000n, offset: 24n });
    expect(await log.findTimestamp(29_004n)).toBeUndefined();
    await log.advanceStart(23n);
    expect(await log.findTimestamp(5002n)).toEqual({ timestamp: 5003n, offset: 23n });
    await log.close();
  });

  it('refuses batches that break the rules, and appends none of them', async () => {
    const log = await open();
    const good = batchOf(2, 10);
    const flipped = Buffer.from(good);
    flipped.writeUInt8(flipped.readUInt8(70) ^ 4, 70);
    const old = Buffer.from(good);
    old.writeInt8(1, batchField.magic);
    const cases: [Buffer, number][] = [
      [flipped, errorCode.CORRUPT_MESSAGE],
      [old, errorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT],
      [good.subarray(0, 70), errorCode.CORRUPT_MESSAGE],
      [good.subarray(0, 5), errorCode.CORRUPT_MESSAGE],
      [Buffer.alloc(0), errorCode.CORRUPT_MESSAGE],
      [Buffer.concat([good, good]), errorCode.INVALID_RECORD],
      [encodeRecordBatch({ baseOffset: 0n, records: [] }), errorCode.INVALID_RECORD],
      [
        encodeRecordBatch({ baseOffset: 0n, records: [{ value: 'x' }], lastOffsetDelta: 7 }),
        errorCode.INVALID_RECORD,
      ],
      [
        encodeRecordBatch({ baseOffset: 0n, records: [{ value: 'x' }], transactional: true }),
        errorCode.INVALID_REQUEST,
      ],
      [batchOf(1, 2 << 20), errorCode.MESSAGE_TOO_LARGE],
    ];
    for (const [bytes, code] of cases) await expect(log.append(bytes)).rejects.toMatchObject({ code });
    expect(log.endOffset).toBe(0n);
    await log.close();
  });

  it('recognises a resent batch after a restart', async () => {
    const log = await open();
    const sequenced = (baseSequence: number) =>
      encodeRecordBatch({
        baseOffset: 0n,
        records: [{ value: 'a' }, { value: 'b' }],
        producerId: 5n,
        producerEpoch: 0,
        baseSequence,
      });
    for (const sequence of [0, 2, 4]) await log.append(sequenced(sequence));
    await log.close();
    const reopened = await open();
    expect(await reopened.append(sequenced(2))).toEqual({ baseOffset: 2n, duplicate: true });
    await expect(reopened.append(sequenced(8))).rejects.toMatchObject({
      code: errorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    });
    expect(await reopened.append(sequenced(6))).toEqual({ baseOffset: 6n, duplicate: false });
    await reopened.truncate(6n);
    expect(await reopened.append(sequenced(6))).toEqual({ baseOffset: 6n, duplicate: false });
    await reopened.close();
  });
});
