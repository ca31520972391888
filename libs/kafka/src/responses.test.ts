import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MalformedResponseError } from './response-reader.ts';
import { decodeApiVersions, decodeFetch, decodeListOffsets, decodeMetadata } from './responses.ts';

const decoders = { decodeApiVersions, decodeFetch, decodeListOffsets, decodeMetadata };

/** Fetch response, version 11: one topic `t`, partition 5 with one aborted transaction and 3 bytes of records. */
const fetchPayload = Buffer.from(
  [
    '00000007 0000 00000000 00000001 0001 74 00000001',
    '00000005 0000 000000000000000b 000000000000000a 0000000000000002',
    '00000001 0000000000000063 0000000000000004 ffffffff 00000003 aabbcc',
  ]
    .join('')
    .replaceAll(' ', ''),
  'hex',
);

describe('responses', () => {
  it('decodes a fetch response without copying records', () => {
    const response = decodeFetch(fetchPayload);
    const [partition] = response.partitions;
    expect(response).toMatchObject({ throttleMs: 7, errorCode: 0 });
    expect(partition).toMatchObject({
      topic: 't',
      partition: 5,
      errorCode: 0,
      highWatermark: 11n,
      lastStableOffset: 10n,
      logStartOffset: 2n,
      abortedTransactions: [{ producerId: 99n, firstOffset: 4n }],
    });
    expect(partition?.records.toString('hex')).toBe('aabbcc');
    expect(partition?.records.buffer).toBe(fetchPayload.buffer);
  });

  it('refuses a fetch response cut off anywhere, or with bytes to spare', () => {
    for (let length = 0; length < fetchPayload.length; length++) {
      expect(() => decodeFetch(fetchPayload.subarray(0, length)), `${length} bytes`).toThrow(
        MalformedResponseError,
      );
    }
    expect(() => decodeFetch(Buffer.concat([fetchPayload, Buffer.alloc(1)]))).toThrow(
      '1 bytes are left over',
    );
  });

  it.each(Object.entries(decoders))(
    '%s ends with a result or MalformedResponseError, whatever it gets',
    (_, decode) => {
      const damaged = fc
        .array(fc.tuple(fc.nat(fetchPayload.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 })
        .map((changes) => {
          const bytes = Buffer.from(fetchPayload);
          for (const [at, byte] of changes) bytes.writeUInt8(byte, at);
          return bytes;
        });
      const noise = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
      fc.assert(
        fc.property(fc.oneof(damaged, noise), (bytes) => {
          try {
            decode(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(MalformedResponseError);
          }
        }),
        { numRuns: 500 },
      );
    },
  );
});
