import { batchHeaderBytes, type RecordBatchHeader } from './record-batch-header.ts';

/** One entry of a fetch response: this producer's records from `firstOffset` to its next ABORT marker do not count. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: bigint;
}

/**
 * Decides which batches of one fetch response hold records of committed transactions or of none. To be asked about
 * every batch in offset order. (Kafka protocol, Fetch response `aborted_transactions`; KIP-98.)
 */
export class AbortedTransactionFilter {
  /** By first offset, the earliest last. */
  #upcoming: AbortedTransaction[] = [];
  readonly #producersAborting = new Set<bigint>();

  reset(transactions: readonly AbortedTransaction[]): void {
    this.#upcoming = transactions.toSorted((a, b) => Number(b.firstOffset - a.firstOffset));
    this.#producersAborting.clear();
  }

  /** False for control batches, which hold no records of users, and for batches of aborted transactions. */
  keepsBatch(bytes: Buffer, position: number, header: RecordBatchHeader): boolean {
    for (let next = this.#upcoming.at(-1); next !== undefined; next = this.#upcoming.at(-1)) {
      if (next.firstOffset > header.lastOffset) break;
      this.#producersAborting.add(next.producerId);
      this.#upcoming.pop();
    }
    if (header.control) {
      if (isAbortMarker(bytes, position, header)) this.#producersAborting.delete(header.producerId);
      return false;
    }
    return !(header.transactional && this.#producersAborting.has(header.producerId));
  }
}

/**
 * The key of a control record is a 2-byte version and a 2-byte type: 0 abort, 1 commit. Control batches are written by
 * brokers, uncompressed, with one record whose length, attributes and deltas take a byte each.
 */
function isAbortMarker(bytes: Buffer, position: number, header: RecordBatchHeader): boolean {
  const keyLengthAt = position + batchHeaderBytes + 4;
  const keyAt = keyLengthAt + 1;
  if (header.recordCount < 1 || keyAt + 4 > position + header.batchBytes) return false;
  // Lengths are zigzag numbers: 8 stands for 4.
  return bytes.readUInt8(keyLengthAt) === 8 && bytes.readInt16BE(keyAt + 2) === 0;
}
