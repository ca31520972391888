/** What a source holds of one of its partitions. */
export interface SourceOffsets {
  readonly sourcePartition: string;
  readonly earliest: bigint;
  /** Exclusive; the last stable offset where transactions are respected. */
  readonly latest: bigint;
}

/** A share of a source partition. `end` is exclusive. */
export interface SourceRange {
  readonly sourcePartition: string;
  readonly begin: bigint;
  readonly end: bigint;
}

/** Walks records in place: after `next()` answered true the fields say where the record's value is. */
export interface Records {
  next(): boolean;
  readonly bytes: Buffer;
  /** -1 where the record has no value. */
  readonly valueStart: number;
  readonly valueEnd: number;
  readonly offset: bigint;
}

/** Some records of one range, in offset order. */
export interface RecordBlock {
  /** Index of the range in the list given to {@link RecordSource.read}. */
  readonly range: number;
  /** Valid until the block has been taken. */
  readonly records: Records;
  /** Bytes as they came from the source. */
  readonly bytes: number;
}

export interface ReadOptions {
  /** Most bytes held for records that were not taken yet. */
  readonly bufferBytesMax: number;
  readonly signal: AbortSignal;
}

/** A connection to where a pipeline reads from. One per source type. */
export interface RecordSource {
  /**
   * The partitions and the offsets available now.
   *
   * @throws MillraceError SOURCE_UNREACHABLE, SOURCE_AUTHENTICATION, TOPIC_UNKNOWN.
   */
  describe(signal: AbortSignal): Promise<SourceOffsets[]>;
  /**
   * Hands all records of the ranges to `take`, one block at a time, in offset order within each range; ranges interleave
   * as they arrive.
   *
   * @throws MillraceError as `describe`, and OFFSET_OUT_OF_RANGE, RECORD_CORRUPT, RECORD_FORMAT; or what `take` throws.
   */
  read(
    ranges: readonly SourceRange[],
    take: (block: RecordBlock) => Promise<void>,
    options: ReadOptions,
  ): Promise<void>;
  close(): void;
}
