import type { FileHandle } from 'node:fs/promises';
import { crc32c } from '@millrace/kafka/crc32c';
import { batchField, batchHeaderBytes } from '@millrace/kafka/record-batch-header';
import { readStoredBatch, type StoredBatch } from './stored-batch.ts';

const chunkBytes = 1 << 20;

/**
 * The batches of a segment file in `[begin, end)`, in order, stopping before the first that is incomplete or cannot be
 * right: the caller compares the end of the last one with `end`. With `verifyChecksums` a wrong CRC-32C stops it too.
 */
export async function* scanBatches(
  file: FileHandle,
  begin: number,
  end: number,
  verifyChecksums: boolean,
): AsyncGenerator<StoredBatch> {
  let position = begin;
  let chunk: Buffer = Buffer.alloc(0);
  let chunkStart = begin;
  const view = async (bytes: number): Promise<Buffer> => {
    if (position < chunkStart || position + bytes > chunkStart + chunk.length) {
      chunk = await readRange(file, position, Math.min(end - position, Math.max(bytes, chunkBytes)));
      chunkStart = position;
    }
    return chunk.subarray(position - chunkStart);
  };
  while (end - position >= batchHeaderBytes) {
    const batch = readStoredBatch(await view(batchHeaderBytes), 0, position);
    if (batch === undefined || batch.bytes > end - position) return;
    if (verifyChecksums) {
      const bytes = await view(batch.bytes);
      const expected = bytes.readUInt32BE(batchField.crc);
      if (crc32c(bytes.subarray(batchField.attributes, batch.bytes)) !== expected) return;
    }
    yield batch;
    position += batch.bytes;
  }
}

/** Up to `bytes` bytes from `position`; fewer where the file ends. */
export async function readRange(file: FileHandle, position: number, bytes: number): Promise<Buffer> {
  // Not from the shared pool: the buffer goes to a socket as it is, and a small one must not pin a large slab.
  const buffer = Buffer.allocUnsafeSlow(bytes);
  let filled = 0;
  while (filled < bytes) {
    const { bytesRead } = await file.read(buffer, filled, bytes - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}
