import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { PartitionName } from '@millrace/kafka/record-position';
import { ProtocolError } from '../wire/error-code.ts';
import { assignOffset, checkIncomingBatch } from './incoming-batch.ts';
import { ProducerState } from './producer-state.ts';
import { firstRecordAt } from './record-timestamps.ts';
import { isSegmentFileName, Segment } from './segment.ts';
import type { StoredBatch } from './stored-batch.ts';

export interface PartitionLogOptions {
  /** A new segment file is begun before this size is exceeded. */
  readonly segmentBytesMax: number;
  readonly batchBytesMax: number;
  /** Idempotent producers remembered per partition; the longest idle one is forgotten first. */
  readonly producersMax: number;
  /** Makes every append durable before it is answered; otherwise data is synced when a segment is full and at close. */
  readonly syncEachAppend: boolean;
  /** Whether the last segment may hold damage from a crash: its checksums are verified and a bad tail is cut off. */
  readonly verifyChecksums: boolean;
}

export interface AppendResult {
  readonly baseOffset: bigint;
  /** The batch was in the log already, at `baseOffset`. */
  readonly duplicate: boolean;
}

/** There is one node, so its partitions never change leaders and stay in their first epoch. */
export const leaderEpoch = 0;

/**
 * The records of one partition, in segment files `<base offset>.log`. Changes are serialised; reads run beside them and
 * see only whole batches.
 */
export class PartitionLog {
  readonly name: PartitionName;
  readonly #directory: string;
  readonly #options: PartitionLogOptions;
  readonly #producers: ProducerState;
  readonly #listeners = new Set<() => void>();
  /** Ordered by base offset, never empty; the last one is appended to. */
  #segments: Segment[] = [];
  #startOffset = 0n;
  #changes: Promise<unknown> = Promise.resolve();
  /** Counts changes other than appends, which may pull data from under a read. */
  #rewrites = 0;

  private constructor(directory: string, name: PartitionName, options: PartitionLogOptions) {
    this.#directory = directory;
    this.name = name;
    this.#options = options;
    this.#producers = new ProducerState(options.producersMax);
  }

  /**
   * Opens the log in `directory`, which is created if missing.
   *
   * @throws MillraceError STORE_CORRUPT if data is damaged elsewhere than at the end.
   */
  static async open(
    directory: string,
    name: PartitionName,
    options: PartitionLogOptions,
  ): Promise<PartitionLog> {
    await mkdir(directory, { recursive: true });
    const log = new PartitionLog(directory, name, options);
    const files = (await readdir(directory)).filter(isSegmentFileName).sort();
    for (const [i, file] of files.entries()) {
      const last = i === files.length - 1;
      const recovery = {
        last,
        verifyChecksums: last && options.verifyChecksums,
        onBatch: (batch: StoredBatch) => log.#producers.add(batch),
      };
      log.#segments.push(await Segment.open(directory, file, recovery));
    }
    if (log.#segments.length === 0) log.#segments.push(await Segment.create(directory, 0n));
    const stored = await readStartOffset(directory);
    log.#startOffset = clamp(stored, log.#firstSegment.baseOffset, log.endOffset);
    return log;
  }

  /** The first offset that can be read. */
  get startOffset(): bigint {
    return this.#startOffset;
  }

  /** The offset of the next record, which is also the high watermark of a single replica. */
  get endOffset(): bigint {
    return this.#lastSegment.nextOffset;
  }

  /**
   * Appends the one batch in `bytes`, whose offset fields are overwritten.
   *
   * @throws ProtocolError with the code to answer; any other error comes from the disk.
   */
  append(bytes: Buffer): Promise<AppendResult> {
    return this.#serialise(async () => {
      if (bytes.length > this.#options.batchBytesMax) {
        const limit = this.#options.batchBytesMax;
        throw new ProtocolError('MESSAGE_TOO_LARGE', `a batch of ${bytes.length} bytes exceeds ${limit}`);
      }
      const header = checkIncomingBatch(bytes, this.name);
      const known = header.producerId < 0n ? undefined : this.#producers.findDuplicate(header);
      if (known !== undefined) return { baseOffset: known, duplicate: true };
      const baseOffset = this.endOffset;
      assignOffset(bytes, baseOffset, leaderEpoch);
      const segment = await this.#segmentFor(bytes.length);
      const batch = await segment.append(bytes, baseOffset);
      this.#producers.add(batch);
      if (this.#options.syncEachAppend) await segment.sync();
      this.#notify();
      return { baseOffset, duplicate: false };
    });
  }

  /**
   * Whole batches from the one that holds `offset`, up to `bytesMax`, but at least one; empty at the end of the log.
   *
   * @throws ProtocolError OFFSET_OUT_OF_RANGE
   */
  async read(offset: bigint, bytesMax: number): Promise<Buffer> {
    for (;;) {
      this.checkOffset(offset);
      const rewrites = this.#rewrites;
      const bytes = await this.#readAcross(offset, bytesMax);
      if (rewrites === this.#rewrites) return bytes;
    }
  }

  /** @throws ProtocolError OFFSET_OUT_OF_RANGE */
  checkOffset(offset: bigint): void {
    if (offset >= this.#startOffset && offset <= this.endOffset) return;
    throw new ProtocolError(
      'OFFSET_OUT_OF_RANGE',
      `offset ${offset} is outside ${this.#startOffset} to ${this.endOffset}`,
    );
  }

  /** About how many bytes {@link read} could return at `offset`: 0 exactly where it has nothing. */
  bytesFrom(offset: bigint): number {
    let bytes = 0;
    for (const segment of this.#segments) bytes += segment.bytesFrom(offset);
    return bytes;
  }

  /** The first record that can be read with a time at or after `timestamp`, in milliseconds since 1970. */
  async findTimestamp(timestamp: bigint): Promise<{ timestamp: bigint; offset: bigint } | undefined> {
    let begin = this.#startOffset;
    for (const segment of [...this.#segments]) {
      while (segment.maxTimestamp >= timestamp && segment.nextOffset > begin) {
        const from = begin;
        const batch = await segment.findBatch(
          (stored) => stored.maxTimestamp >= timestamp && stored.lastOffset >= from,
        );
        if (batch === undefined) break;
        const found = firstRecordAt(batch, await segment.readBatch(batch), this.name, timestamp, begin);
        if (found !== undefined) return found;
        begin = batch.lastOffset + 1n;
      }
    }
    return undefined;
  }

  /** Calls `listener` after every change that a waiting fetch should see, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Removes the batches that end at or behind `offset`, as an unclean leader election does, and returns the new end: the
   * start of the batch that held `offset`, or of the first segment if that was deleted already.
   */
  truncate(offset: bigint): Promise<bigint> {
    return this.#serialise(async () => {
      while (this.#segments.length > 1 && this.#lastSegment.baseOffset >= offset) {
        await this.#lastSegment.delete();
        this.#segments.pop();
      }
      const batch = await this.#lastSegment.findOffset(offset);
      if (batch !== undefined) await this.#lastSegment.truncateAt(batch);
      this.#producers.truncate(this.endOffset);
      if (this.#startOffset > this.endOffset) await this.#setStartOffset(this.endOffset);
      this.#rewrites++;
      this.#notify();
      return this.endOffset;
    });
  }

  /** Makes `offset` the first that can be read, as retention does, and deletes the segments before it. */
  advanceStart(offset: bigint): Promise<bigint> {
    return this.#serialise(async () => {
      await this.#setStartOffset(clamp(offset, this.#startOffset, this.endOffset));
      while (this.#segments.length > 1 && this.#firstSegment.nextOffset <= this.#startOffset) {
        await this.#segments.shift()?.delete();
      }
      this.#rewrites++;
      this.#notify();
      return this.#startOffset;
    });
  }

  /** Lets `change` alter the stored batch that holds `offset` in place, for fault tests. */
  rewriteBatch(offset: bigint, change: (bytes: Buffer) => void): Promise<void> {
    return this.#serialise(async () => {
      const segment = this.#segments.findLast((candidate) => candidate.baseOffset <= offset);
      const batch = await segment?.findOffset(offset);
      if (segment === undefined || batch === undefined) {
        throw new ProtocolError('OFFSET_OUT_OF_RANGE', `no batch holds offset ${offset}`);
      }
      const bytes = await segment.readBatch(batch);
      change(bytes);
      await segment.overwrite(batch.position, bytes);
    });
  }

  /** Makes everything durable and closes the files. */
  close(): Promise<void> {
    return this.#serialise(async () => {
      for (const segment of this.#segments) {
        await segment.sync();
        await segment.close();
      }
      this.#notify();
    });
  }

  get #firstSegment(): Segment {
    return mustExist(this.#segments[0]);
  }

  get #lastSegment(): Segment {
    return mustExist(this.#segments.at(-1));
  }

  async #readAcross(offset: bigint, bytesMax: number): Promise<Buffer> {
    const at = this.#segments.findLastIndex((segment) => segment.baseOffset <= offset);
    return (await this.#segments[at]?.read(offset, bytesMax)) ?? Buffer.alloc(0);
  }

  async #segmentFor(batchBytes: number): Promise<Segment> {
    const last = this.#lastSegment;
    if (last.bytes === 0 || last.bytes + batchBytes <= this.#options.segmentBytesMax) return last;
    await last.sync();
    const next = await Segment.create(this.#directory, last.nextOffset);
    this.#segments.push(next);
    return next;
  }

  async #setStartOffset(offset: bigint): Promise<void> {
    await writeStartOffset(this.#directory, offset);
    this.#startOffset = offset;
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  #serialise<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#changes.then(change);
    this.#changes = result.catch(() => {});
    return result;
  }
}

const startOffsetFile = 'log-start-offset';

async function readStartOffset(directory: string): Promise<bigint> {
  const path = join(directory, startOffsetFile);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '0';
    throw error;
  });
  if (!/^\d{1,19}\n?$/.test(text))
    throw new MillraceError('STORE_CORRUPT', `${path} does not hold an offset`);
  return BigInt(text.trim());
}

async function writeStartOffset(directory: string, offset: bigint): Promise<void> {
  const path = join(directory, startOffsetFile);
  await writeFile(`${path}.new`, `${offset}\n`);
  await rename(`${path}.new`, path);
}

function clamp(value: bigint, low: bigint, high: bigint): bigint {
  return value < low ? low : value > high ? high : value;
}

function mustExist(segment: Segment | undefined): Segment {
  if (segment === undefined) throw new MillraceError('INTERNAL', 'a partition log has no segment');
  return segment;
}
