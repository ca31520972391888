import { MillraceError } from '@millrace/errors/millrace-error';
import { withFailureInfo } from '../rows/row-errors.ts';
import type { SliceDestination, SlicePartition, StagedSlice, StageSlice } from './slice-target.ts';

/** gRPC moves messages of about this size fastest. */
const chunkBytesMax = 1 << 20;
const chunkBytesMin = 64 * 1024;
/** A gRPC stream takes 16 messages before it says that it is full. */
const streamMessages = 16;

/**
 * Streams one slice to every leaf of its partition while it is being made. {@link push} never waits: whoever produces
 * looks at {@link pendingBytes} and waits with {@link drained}. About `bufferBytesMax` more may wait inside gRPC.
 */
export class SliceSender {
  readonly #slice: string;
  readonly #partition: SlicePartition;
  readonly #streams: LeafStream[];

  constructor(
    stage: StageSlice,
    destination: SliceDestination,
    partition: SlicePartition,
    slice: string,
    options: { readonly bufferBytesMax: number; readonly signal: AbortSignal },
  ) {
    const { bufferBytesMax, signal } = options;
    const chunkBytes = Math.max(
      chunkBytesMin,
      Math.min(chunkBytesMax, Math.floor(bufferBytesMax / streamMessages)),
    );
    // A name must be unique among all slices of a transaction that one leaf gets, whatever their partitions.
    this.#slice = partition.ordinal < 0 ? slice : `${slice}-p${partition.ordinal}`;
    this.#partition = partition;
    this.#streams = partition.leafAddresses.map((leafAddress) => {
      const stream = new LeafStream(leafAddress, chunkBytes);
      stream.start((chunks) =>
        stage({ destination, ordinal: partition.ordinal, leafAddress, slice: this.#slice }, chunks, signal),
      );
      return stream;
    });
  }

  /** Bytes pushed that the slowest leaf has not taken. */
  get pendingBytes(): number {
    return Math.max(0, ...this.#streams.map(({ pendingBytes }) => pendingBytes));
  }

  push(parts: readonly Buffer[]): void {
    for (const stream of this.#streams) stream.push(parts);
  }

  /** Waits until every leaf has taken what was pushed. Throws what ended a stream. */
  async drained(): Promise<void> {
    await Promise.all(this.#streams.map((stream) => stream.drained()));
  }

  /**
   * Ends the slice and waits until every leaf has it on disk.
   *
   * @throws MillraceError of the leaf, or RECORD_CORRUPT if a leaf stored other bytes than were sent.
   */
  async finish(rows: number, crc32: number): Promise<StagedSlice[]> {
    for (const stream of this.#streams) stream.end();
    return Promise.all(
      this.#streams.map(async (stream) => {
        const stored = await stream.result();
        if (stored.crc32 !== crc32) {
          const message = `leaf ${stream.leafAddress} stored slice ${this.#slice} with another checksum`;
          throw new MillraceError('RECORD_CORRUPT', message);
        }
        return {
          ordinal: this.#partition.ordinal,
          leafAddress: stream.leafAddress,
          slice: this.#slice,
          rows: BigInt(rows),
          bytes: stored.bytes,
          crc32,
        };
      }),
    );
  }
}

type StoredSlice = Awaited<ReturnType<StageSlice>>;

class LeafStream {
  readonly leafAddress: string;
  pendingBytes = 0;
  readonly #chunkBytes: number;
  #parts: Buffer[] = [];
  #ended = false;
  #failure: unknown;
  #failed = false;
  #wake: () => void = () => {};
  #taken: () => void = () => {};
  #result: Promise<StoredSlice> | undefined;

  constructor(leafAddress: string, chunkBytes: number) {
    this.leafAddress = leafAddress;
    this.#chunkBytes = chunkBytes;
  }

  start(stage: (chunks: AsyncIterable<Buffer>) => Promise<StoredSlice>): void {
    const result = stage(this.#chunks());
    this.#result = result;
    result.catch((error: unknown) => {
      this.#failed = true;
      this.#failure = error;
      this.#parts = [];
      this.pendingBytes = 0;
      this.#taken();
    });
  }

  push(parts: readonly Buffer[]): void {
    if (this.#failed) return;
    for (const part of parts) {
      this.#parts.push(part);
      this.pendingBytes += part.length;
    }
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async result(): Promise<StoredSlice> {
    try {
      return await (this.#result as Promise<StoredSlice>);
    } catch (error) {
      throw stageError(error, this.leafAddress);
    }
  }

  async drained(): Promise<void> {
    while (!this.#failed && this.pendingBytes > this.#chunkBytes) {
      await new Promise<void>((resolve) => {
        this.#taken = resolve;
      });
    }
    if (this.#failed) throw stageError(this.#failure, this.leafAddress);
  }

  async *#chunks(): AsyncGenerator<Buffer> {
    for (;;) {
      while (this.pendingBytes < this.#chunkBytes && !this.#ended) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
      const chunk = this.#takeChunk();
      if (chunk === undefined) return;
      yield chunk;
      this.#taken();
    }
  }

  /** About one chunk of what is pending: small parts joined, large ones cut. */
  #takeChunk(): Buffer | undefined {
    const taken: Buffer[] = [];
    let bytes = 0;
    while (bytes < this.#chunkBytes) {
      const part = this.#parts[0];
      if (part === undefined) break;
      const room = this.#chunkBytes - bytes;
      if (part.length > room) {
        taken.push(part.subarray(0, room));
        this.#parts[0] = part.subarray(room);
        bytes += room;
      } else {
        taken.push(part);
        this.#parts.shift();
        bytes += part.length;
      }
    }
    this.pendingBytes -= bytes;
    if (taken.length <= 1) return taken[0];
    return Buffer.concat(taken, bytes);
  }
}

function stageError(error: unknown, leafAddress: string): unknown {
  if (!(error instanceof MillraceError)) return error;
  const code = error.code === 'PEER_UNAVAILABLE' ? 'LEAF_UNAVAILABLE' : error.code;
  const options = error.detail === undefined ? { cause: error } : { cause: error, detail: error.detail };
  const wrapped = new MillraceError(code, `staging at leaf ${leafAddress}: ${error.message}`, options);
  return withFailureInfo(wrapped, {
    kind: 'Load',
    sourcePartition: '',
    offset: -1n,
    line: '',
    lineNumber: 0,
    stdError: '',
  });
}
