import type { AbortedTransaction } from './aborted-transactions.ts';
import { ResponseReader } from './response-reader.ts';

/** What a broker says about itself: the range of versions of each API key. */
export type ApiVersions = Record<number, { minVersion: number; maxVersion: number }>;

/** ApiVersions response, version 2. */
export function decodeApiVersions(bytes: Buffer): { errorCode: number; versions: ApiVersions } {
  const reader = new ResponseReader(bytes);
  const errorCode = reader.int16();
  const versions: ApiVersions = {};
  reader.array(6, () => {
    versions[reader.int16()] = { minVersion: reader.int16(), maxVersion: reader.int16() };
  });
  return { errorCode, versions };
}

export interface Metadata {
  readonly nodes: readonly { readonly nodeId: number; readonly host: string; readonly port: number }[];
  readonly topics: readonly {
    readonly errorCode: number;
    readonly topic: string;
    /** `leader` is -1 during an election. */
    readonly partitions: readonly { readonly partition: number; readonly leader: number }[];
  }[];
}

/** Metadata response, version 6. */
export function decodeMetadata(bytes: Buffer): Metadata {
  const reader = new ResponseReader(bytes);
  reader.int32(); // throttle time
  const nodes = reader.array(12, () => {
    const node = { nodeId: reader.int32(), host: reader.string(), port: reader.int32() };
    reader.nullableString(); // rack
    return node;
  });
  reader.nullableString(); // cluster id
  reader.int32(); // controller id
  const topics = reader.array(9, () => {
    const errorCode = reader.int16();
    const topic = reader.string();
    reader.boolean(); // internal
    const partitions = reader.array(22, () => {
      reader.int16(); // an error here goes with a missing leader or replica
      const partition = { partition: reader.int32(), leader: reader.int32() };
      for (let list = 0; list < 3; list++) reader.array(4, () => reader.int32()); // replicas, in sync, offline
      return partition;
    });
    return { errorCode, topic, partitions };
  });
  reader.end();
  return { nodes, topics };
}

export interface ListedOffset {
  readonly partition: number;
  readonly errorCode: number;
  readonly offset: bigint;
}

/** ListOffsets response, version 3, to a request for one topic. */
export function decodeListOffsets(bytes: Buffer): readonly ListedOffset[] {
  const reader = new ResponseReader(bytes);
  reader.int32(); // throttle time
  const topics = reader.array(6, () => {
    reader.string();
    return reader.array(22, () => {
      const partition = reader.int32();
      const errorCode = reader.int16();
      reader.int64(); // timestamp, which only queries by time get
      return { partition, errorCode, offset: reader.int64() };
    });
  });
  reader.end();
  return topics.flat();
}

export interface FetchedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  /** -1 with most errors, as the next two. */
  readonly highWatermark: bigint;
  readonly lastStableOffset: bigint;
  readonly logStartOffset: bigint;
  readonly abortedTransactions: readonly AbortedTransaction[];
  /** Record batches as stored, a view of the response. */
  readonly records: Buffer;
}

export interface FetchResponse {
  readonly throttleMs: number;
  readonly errorCode: number;
  readonly partitions: readonly FetchedPartition[];
}

/** Fetch response, version 11. */
export function decodeFetch(bytes: Buffer): FetchResponse {
  const reader = new ResponseReader(bytes);
  const throttleMs = reader.int32();
  const errorCode = reader.int16();
  reader.int32(); // session id: sessions are not used
  const topics = reader.array(6, () => {
    const topic = reader.string();
    return reader.array(42, (): FetchedPartition => {
      const partition = reader.int32();
      const partitionErrorCode = reader.int16();
      const highWatermark = reader.int64();
      const lastStableOffset = reader.int64();
      const logStartOffset = reader.int64();
      const abortedTransactions = reader.array(16, () => {
        return { producerId: reader.int64(), firstOffset: reader.int64() };
      });
      reader.int32(); // preferred read replica: only sent to clients that name their rack
      const records = reader.nullableBytes();
      return {
        topic,
        partition,
        errorCode: partitionErrorCode,
        highWatermark,
        lastStableOffset,
        logStartOffset,
        abortedTransactions,
        records,
      };
    });
  });
  reader.end();
  return { throttleMs, errorCode, partitions: topics.flat() };
}
