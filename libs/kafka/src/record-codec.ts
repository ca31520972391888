import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { decompressFrameSync } from 'lz4-napi';
import { uncompressSync } from 'snappy';

/** The codec ids of the low three attribute bits of a batch. */
export const recordCodec = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;

export type RecordCodec = keyof typeof recordCodec;

/** Bigger than one batch can reasonably be, small enough to be no danger: brokers accept 1 MB compressed by default. */
export const decompressedBytesMaxDefault = 128 * 1024 * 1024;

const zlibChunkBytesMin = 4 * 1024;
const zlibChunkBytesMax = 256 * 1024;

/**
 * Decompresses the records of a batch.
 *
 * @throws Error if the codec id is not assigned, the bytes are damaged, or they grow to more than `bytesMax`; that is
 *   noticed before, or at most one compression block after, it was exceeded.
 */
export function decompressRecords(codec: number, bytes: Buffer, bytesMax: number): Buffer {
  switch (codec) {
    case recordCodec.none:
      return bytes;
    case recordCodec.gzip:
      return gunzipSync(bytes, zlibOptions(bytes, bytesMax));
    case recordCodec.snappy:
      return decompressSnappy(bytes, bytesMax);
    case recordCodec.lz4:
      return decompressLz4(bytes, bytesMax);
    case recordCodec.zstd:
      return zstdDecompressSync(bytes, zlibOptions(bytes, bytesMax));
    default:
      throw new Error(`compression codec ${codec} does not exist`);
  }
}

/** One output chunk that holds all of it saves zlib's users a copy; a large one costs more than small batches do. */
function zlibOptions(bytes: Buffer, bytesMax: number): { maxOutputLength: number; chunkSize: number } {
  const likelyBytes = bytes.length * 6;
  const chunkSize = Math.min(Math.max(likelyBytes, zlibChunkBytesMin), zlibChunkBytesMax);
  return { maxOutputLength: bytesMax, chunkSize };
}

/** Java clients write snappy as this magic, two 4-byte versions, then blocks with a 4-byte length each. */
const xerialMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const xerialHeaderBytes = 16;

/** librdkafka and others write one raw block instead. */
function decompressSnappy(bytes: Buffer, bytesMax: number): Buffer {
  if (!bytes.subarray(0, xerialMagic.length).equals(xerialMagic))
    return decompressSnappyBlock(bytes, bytesMax);
  const blocks: Buffer[] = [];
  let total = 0;
  let position = xerialHeaderBytes;
  while (position < bytes.length) {
    if (position + 4 > bytes.length) throw new Error('a snappy block length is cut off');
    const start = position + 4;
    const length = bytes.readInt32BE(position);
    if (length < 0 || start + length > bytes.length) throw new Error('a snappy block is cut off');
    const block = bytes.subarray(start, start + length);
    total += snappyBlockBytes(block);
    if (total > bytesMax) throw tooLarge(bytesMax);
    blocks.push(decompressSnappyBlock(block, bytesMax));
    position = start + length;
  }
  return blocks.length === 1 && blocks[0] !== undefined ? blocks[0] : Buffer.concat(blocks, total);
}

function decompressSnappyBlock(bytes: Buffer, bytesMax: number): Buffer {
  const length = snappyBlockBytes(bytes);
  if (length > bytesMax) throw tooLarge(bytesMax);
  const block = uncompressSync(bytes, { asBuffer: true });
  if (typeof block === 'string' || block.length !== length) throw new Error('a snappy block is damaged');
  return block;
}

/** A raw block starts with its decompressed length as a little-endian base-128 number of at most 32 bits. */
function snappyBlockBytes(bytes: Buffer): number {
  let length = 0;
  for (let index = 0; index < 5; index++) {
    const byte = bytes[index];
    if (byte === undefined) break;
    length += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return length;
  }
  throw new Error('a snappy block has no length');
}

const lz4FrameMagic = 0x184d2204;
const lz4UncompressedBlock = 0x80000000;
/** A length byte of 255 is the most that one compressed byte can add. */
const lz4ExpansionMax = 255;

function decompressLz4(bytes: Buffer, bytesMax: number): Buffer {
  checkLz4FrameBytes(bytes, bytesMax);
  const records = decompressFrameSync(bytes);
  if (records.length > bytesMax) throw tooLarge(bytesMax);
  return records;
}

/**
 * Walks the blocks of an LZ4 frame to see how large it can become, before anything is decompressed: a block decompresses
 * to at most the maximum that its frame descriptor declares. (LZ4 Frame Format 1.6.)
 */
function checkLz4FrameBytes(bytes: Buffer, bytesMax: number): void {
  if (bytes.length < 7 || bytes.readUInt32LE(0) !== lz4FrameMagic) throw new Error('not an LZ4 frame');
  const flags = bytes.readUInt8(4);
  const blockBytesMax = 2 ** (8 + 2 * ((bytes.readUInt8(5) >> 4) & 7));
  const hasBlockChecksums = (flags & 0x10) !== 0;
  const hasContentSize = (flags & 0x08) !== 0;
  const hasDictionaryId = (flags & 0x01) !== 0;
  let position = 6 + (hasContentSize ? 8 : 0) + (hasDictionaryId ? 4 : 0) + 1;
  let total = 0;
  for (;;) {
    if (position + 4 > bytes.length) throw new Error('an LZ4 frame is cut off');
    const field = bytes.readUInt32LE(position);
    position += 4;
    if (field === 0) return;
    const uncompressed = field >= lz4UncompressedBlock;
    const length = uncompressed ? field - lz4UncompressedBlock : field;
    total += uncompressed ? length : Math.min(blockBytesMax, length * lz4ExpansionMax);
    // The last block may be far from full, so one block of slack is part of the bound.
    if (total > bytesMax + blockBytesMax) throw tooLarge(bytesMax);
    position += length + (hasBlockChecksums ? 4 : 0);
  }
}

function tooLarge(bytesMax: number): Error {
  return new Error(`the batch decompresses to more than ${bytesMax} bytes`);
}
