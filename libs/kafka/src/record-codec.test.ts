import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { compressFrameSync } from 'lz4-napi';
import { compressSync } from 'snappy';
import { describe, expect, it } from 'vitest';
import { decompressRecords, recordCodec } from './record-codec.ts';

/** As snappy-java frames it: magic, version, oldest compatible version, then blocks with their length. */
function compressXerial(bytes: Buffer, blockBytes: number): Buffer {
  const parts: Buffer[] = [
    Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]),
  ];
  for (let start = 0; start < bytes.length; start += blockBytes) {
    const block = compressSync(bytes.subarray(start, start + blockBytes));
    const length = Buffer.alloc(4);
    length.writeInt32BE(block.length);
    parts.push(length, block);
  }
  return Buffer.concat(parts);
}

const codecs = [
  { name: 'gzip', codec: recordCodec.gzip, compress: (bytes: Buffer) => gzipSync(bytes) },
  { name: 'snappy raw', codec: recordCodec.snappy, compress: (bytes: Buffer) => compressSync(bytes) },
  {
    name: 'snappy blocks',
    codec: recordCodec.snappy,
    compress: (bytes: Buffer) => compressXerial(bytes, 1000),
  },
  { name: 'lz4', codec: recordCodec.lz4, compress: (bytes: Buffer) => compressFrameSync(bytes) },
  {
    name: 'lz4 checksums',
    codec: recordCodec.lz4,
    compress: (bytes: Buffer) => compressFrameSync(bytes, { blockChecksums: true, contentChecksum: true }),
  },
  { name: 'zstd', codec: recordCodec.zstd, compress: (bytes: Buffer) => zstdCompressSync(bytes) },
];

describe.each(codecs)('decompressRecords of $name', ({ codec, compress }) => {
  it('gives back the bytes, up to exactly the limit', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 5000 }), (sample) => {
        const bytes = Buffer.from(sample);
        expect(decompressRecords(codec, compress(bytes), bytes.length).equals(bytes)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('stops at the limit instead of writing a bomb out', () => {
    const bomb = compress(Buffer.alloc(64 * 1024 * 1024));
    expect(() => decompressRecords(codec, bomb, 1024 * 1024)).toThrow(
      /more than 1048576 bytes|larger than 1048576/i,
    );
  });

  it('refuses bytes that are cut off', () => {
    const compressed = compress(Buffer.from('some text that repeats, some text that repeats'.repeat(100)));
    for (const kept of [0, 1, 5, compressed.length >> 1, compressed.length - 5]) {
      expect(
        () => decompressRecords(codec, compressed.subarray(0, kept), 1_000_000),
        `${kept} bytes`,
      ).toThrow();
    }
  });

  it('survives any damage', () => {
    const compressed = compress(Buffer.from('some text that repeats, some text that repeats'.repeat(20)));
    fc.assert(
      fc.property(fc.nat(compressed.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const damaged = Buffer.from(compressed);
        damaged.writeUInt8(damaged.readUInt8(at) ^ mask, at);
        try {
          expect(decompressRecords(codec, damaged, 10_000).length).toBeLessThanOrEqual(10_000);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('decompressRecords', () => {
  it('refuses codecs that are not assigned', () => {
    expect(() => decompressRecords(5, Buffer.from('x'), 10)).toThrow('compression codec 5 does not exist');
  });
});
