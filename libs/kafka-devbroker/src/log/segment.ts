import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MillraceError } from '@millrace/errors/millrace-error';
import { readRange, scanBatches } from './batch-scan.ts';
import { SparseIndex } from './sparse-index.ts';
import { readStoredBatch, type StoredBatch } from './stored-batch.ts';

/** What may be wrong with a segment file that is opened. */
export interface SegmentRecovery {
  /** Only the last segment of a log may end in an unfinished batch; elsewhere damage is an error. */
  readonly last: boolean;
  readonly verifyChecksums: boolean;
  /** Called for every batch found, in order. */
  readonly onBatch: (batch: StoredBatch) => void;
}

/**
 * One append-only file of a partition's log: record batches as they travel on the wire, one behind the other, from
 * `baseOffset`, which also names the file. Not safe for concurrent changes: the log serialises them.
 */
export class Segment {
  readonly baseOffset: bigint;
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #index = new SparseIndex();
  #bytes = 0;
  #nextOffset: bigint;
  #maxTimestamp = -1n;

  private constructor(path: string, file: FileHandle, baseOffset: bigint) {
    this.#path = path;
    this.#file = file;
    this.baseOffset = baseOffset;
    this.#nextOffset = baseOffset;
  }

  static async create(directory: string, baseOffset: bigint): Promise<Segment> {
    const path = join(directory, segmentFileName(baseOffset));
    return new Segment(path, await open(path, 'wx+'), baseOffset);
  }

  /**
   * Opens a file and rebuilds its index; the torn tail of the last segment is cut off.
   *
   * @throws MillraceError STORE_CORRUPT for damage in a segment that is not the last.
   */
  static async open(directory: string, fileName: string, recovery: SegmentRecovery): Promise<Segment> {
    const path = join(directory, fileName);
    const file = await open(path, 'r+');
    const segment = new Segment(path, file, BigInt(fileName.slice(0, -segmentSuffix.length)));
    const { size } = await file.stat();
    for await (const batch of scanBatches(file, 0, size, recovery.verifyChecksums)) {
      if (batch.baseOffset < segment.#nextOffset) break;
      segment.#add(batch);
      recovery.onBatch(batch);
    }
    if (segment.#bytes < size) {
      if (!recovery.last) {
        await file.close();
        throw new MillraceError('STORE_CORRUPT', `log segment ${path} is damaged at byte ${segment.#bytes}`);
      }
      await file.truncate(segment.#bytes);
    }
    return segment;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The offset behind the last batch. */
  get nextOffset(): bigint {
    return this.#nextOffset;
  }

  get maxTimestamp(): bigint {
    return this.#maxTimestamp;
  }

  /** Writes a batch at the end; after a failed write the file is as before. */
  async append(bytes: Buffer, baseOffset: bigint): Promise<StoredBatch> {
    const batch = readStoredBatch(bytes, 0, this.#bytes);
    if (batch === undefined || batch.baseOffset !== baseOffset) {
      throw new MillraceError('INTERNAL', `batch at offset ${baseOffset} was not prepared for the log`);
    }
    try {
      let written = 0;
      while (written < bytes.length) {
        const position = this.#bytes + written;
        written += (await this.#file.write(bytes, written, bytes.length - written, position)).bytesWritten;
      }
    } catch (error) {
      await this.#file.truncate(this.#bytes).catch(() => {});
      throw error;
    }
    this.#add(batch);
    return batch;
  }

  /** About how many bytes lie at and behind `offset`: exact at the end, at most an index interval too many elsewhere. */
  bytesFrom(offset: bigint): number {
    return offset >= this.#nextOffset ? 0 : this.#bytes - this.#index.positionBefore(offset);
  }

  /**
   * Whole batches from the one that holds `offset`, or the first behind it, up to `bytesMax`, but at least one (KIP-74).
   * Empty if the segment has none.
   */
  async read(offset: bigint, bytesMax: number): Promise<Buffer> {
    const end = this.#bytes;
    const begin = this.#index.positionBefore(offset);
    const bytes = await readRange(this.#file, begin, Math.min(end - begin, bytesMax + readAheadBytes));
    let at = 0;
    let batch = readStoredBatch(bytes, at, begin);
    while (batch !== undefined && batch.lastOffset < offset) {
      at += batch.bytes;
      batch = readStoredBatch(bytes, at, begin + at);
    }
    if (batch === undefined) {
      const next = await this.#find(begin + at, end, (candidate) => candidate.lastOffset >= offset);
      return next === undefined ? Buffer.alloc(0) : readRange(this.#file, next.position, next.bytes);
    }
    const first = at;
    if (batch.bytes > bytes.length - first) return readRange(this.#file, batch.position, batch.bytes);
    const limit = first + Math.max(bytesMax, batch.bytes);
    while (batch !== undefined && at + batch.bytes <= Math.min(limit, bytes.length)) {
      at += batch.bytes;
      batch = readStoredBatch(bytes, at, begin + at);
    }
    return bytes.subarray(first, at);
  }

  /** The batch that holds `offset`, or the first behind it. */
  findOffset(offset: bigint): Promise<StoredBatch | undefined> {
    const begin = this.#index.positionBefore(offset);
    return this.#find(begin, this.#bytes, (batch) => batch.lastOffset >= offset);
  }

  /** The first batch that `matches`, looking at every header of the segment. */
  findBatch(matches: (batch: StoredBatch) => boolean): Promise<StoredBatch | undefined> {
    return this.#find(0, this.#bytes, matches);
  }

  readBatch(batch: StoredBatch): Promise<Buffer> {
    return readRange(this.#file, batch.position, batch.bytes);
  }

  /** Cuts the file before `batch`, which becomes the end of the segment. */
  async truncateAt(batch: StoredBatch): Promise<void> {
    await this.#file.truncate(batch.position);
    this.#bytes = batch.position;
    this.#index.truncate(batch.position);
    this.#nextOffset = this.baseOffset;
    this.#maxTimestamp = -1n;
    for await (const kept of scanBatches(this.#file, 0, this.#bytes, false)) this.#count(kept);
  }

  /** Overwrites bytes of a stored batch, for fault tests. */
  async overwrite(position: number, bytes: Buffer): Promise<void> {
    await this.#file.write(bytes, 0, bytes.length, position);
  }

  sync(): Promise<void> {
    return this.#file.sync();
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async delete(): Promise<void> {
    await this.#file.close();
    await rm(this.#path, { force: true });
  }

  async #find(
    begin: number,
    end: number,
    matches: (batch: StoredBatch) => boolean,
  ): Promise<StoredBatch | undefined> {
    for await (const batch of scanBatches(this.#file, begin, end, false)) if (matches(batch)) return batch;
    return undefined;
  }

  #add(batch: StoredBatch): void {
    this.#index.add(batch.baseOffset, batch.position);
    this.#bytes = batch.position + batch.bytes;
    this.#count(batch);
  }

  #count(batch: StoredBatch): void {
    this.#nextOffset = batch.lastOffset + 1n;
    if (batch.maxTimestamp > this.#maxTimestamp) this.#maxTimestamp = batch.maxTimestamp;
  }
}

/** The index may point up to its interval before the wanted batch: read that much more than was asked for. */
const readAheadBytes = 8192;

const segmentSuffix = '.log';

function segmentFileName(baseOffset: bigint): string {
  return baseOffset.toString().padStart(20, '0') + segmentSuffix;
}

export function isSegmentFileName(name: string): boolean {
  return /^\d{20}\.log$/.test(name);
}
