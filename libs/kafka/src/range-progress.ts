import { completeBatchBytes, parseRecordBatchHeader } from './record-batch-header.ts';
import type { RecordBatches } from './record-cursor.ts';
import { type PartitionName, recordError } from './record-position.ts';
import type { FetchedPartition } from './responses.ts';

/** How often in a row the broker must have nothing between here and the end of the range for it to count as gone. */
const emptyAnswersMax = 3;

/** What one answer of the broker meant for a range. */
export type RangeStep =
  | { readonly kind: 'records'; readonly batches: RecordBatches }
  /** Nothing new; `behind` if the log is not readable up to the end of the range yet. */
  | { readonly kind: 'nothing'; readonly behind: boolean }
  /** The rest of the range holds nothing any more. */
  | { readonly kind: 'gone' };

/**
 * How far one range of a partition has been received. Progress is made by the last offset of each batch, not by its
 * records: the last record of a range may be compacted away, aborted, or a control record.
 */
export class RangeProgress {
  readonly partition: number;
  readonly end: bigint;
  readonly #topic: string;
  #next: bigint;
  #emptyAnswers = 0;
  #behindSinceMs: number | undefined;

  constructor(
    topic: string,
    range: { readonly partition: number; readonly begin: bigint; readonly end: bigint },
  ) {
    this.#topic = topic;
    this.partition = range.partition;
    this.#next = range.begin;
    this.end = range.end;
  }

  /** The offset to fetch from. */
  get next(): bigint {
    return this.#next;
  }

  get complete(): boolean {
    return this.#next >= this.end;
  }

  /**
   * Takes an answer without error code.
   *
   * @param fetched whose `lastStableOffset` and `highWatermark` say how far it could have gone
   * @param readableEnd the one of the two that holds for the isolation level
   * @param first whether this partition came first in the request: the broker then sends at least one batch if there is
   *   any, whatever the limits on bytes
   * @throws MillraceError RECORD_CORRUPT, RECORD_FORMAT
   */
  receive(fetched: FetchedPartition, readableEnd: bigint, first: boolean): RangeStep {
    if (fetched.records.length === 0) {
      if (readableEnd < this.end) return { kind: 'nothing', behind: true };
      if (first) this.#emptyAnswers += 1;
      if (this.#emptyAnswers < emptyAnswersMax) return { kind: 'nothing', behind: false };
      this.#next = this.end;
      return { kind: 'gone' };
    }
    const begin = this.#next;
    const where = { topic: this.#topic, partition: this.partition };
    const { bytes, next } = wholeBatches(fetched.records, begin, this.end, where);
    this.#next = next;
    this.#emptyAnswers = 0;
    this.#behindSinceMs = undefined;
    const { abortedTransactions } = fetched;
    return { kind: 'records', batches: { ...where, bytes, begin, end: this.end, abortedTransactions } };
  }

  /** For how long the log has not reached the end of the range. */
  behindMs(nowMs: number): number {
    this.#behindSinceMs ??= nowMs;
    return nowMs - this.#behindSinceMs;
  }
}

/** Cuts off the incomplete last batch and what lies beyond `end`, and says from where to go on. */
function wholeBatches(
  records: Buffer,
  begin: bigint,
  end: bigint,
  where: PartitionName,
): { bytes: Buffer; next: bigint } {
  let position = 0;
  let next = begin;
  while (next < end && completeBatchBytes(records, position, where) !== undefined) {
    const header = parseRecordBatchHeader(records, position, where);
    if (header.baseOffset >= end) {
      next = end;
      break;
    }
    if (header.lastOffset >= next) next = header.lastOffset + 1n;
    position += header.batchBytes;
  }
  if (next === begin) {
    const problem = `${records.length} bytes of the broker hold no whole batch from this offset`;
    throw recordError('RECORD_CORRUPT', where, begin, problem);
  }
  return { bytes: records.subarray(0, position), next };
}
