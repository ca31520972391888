import { isMillraceError, MillraceError } from '@millrace/errors/millrace-error';
import { brokerError } from './broker-error.ts';
import type { FetchRequest } from './fetch-request.ts';
import { isolationNumber } from './isolation-level.ts';
import { type BrokerCall, brokerRequests } from './kafka-connection.ts';
import type { RangeProgress } from './range-progress.ts';
import type { RecordBatches } from './record-cursor.ts';
import { MalformedResponseError } from './response-reader.ts';
import { decodeFetch, type FetchedPartition, type FetchResponse } from './responses.ts';

/** How long a broker may wait for records that are not there yet. */
const waitMsMax = 500;

/** How long a range may stay unreadable up to its end: a new leader learns of the high watermark after a moment. */
const behindMsMax = 15_000;

/** The unfinished ranges that one broker leads, in the order to ask for them. */
export class LeaderRanges {
  /** A partition that this broker cannot serve, to be asked for again elsewhere. */
  error: MillraceError | undefined;
  /** The range that an OFFSET_OUT_OF_RANGE error is about. */
  outOfRange: RangeProgress | undefined;
  readonly #request: FetchRequest;
  readonly #unfinished: Map<number, RangeProgress>;
  #asked: RangeProgress[];

  constructor(request: FetchRequest, unfinished: Map<number, RangeProgress>, partitions: readonly number[]) {
    this.#request = request;
    this.#unfinished = unfinished;
    this.#asked = partitions.flatMap((partition) => unfinished.get(partition) ?? []);
  }

  /** How many ranges are to be asked for. */
  get waiting(): number {
    return this.#asked.length;
  }

  call(bytesMax: number): BrokerCall<FetchResponse> {
    const partitions = this.#asked.map(({ partition, next }) => {
      return { partition, fetchOffset: next.toString(), maxBytes: bytesMax };
    });
    const { request } = brokerRequests.fetch({
      replicaId: -1,
      isolationLevel: isolationNumber[this.#request.isolation],
      maxWaitTime: waitMsMax,
      minBytes: 1,
      maxBytes: bytesMax,
      topics: [{ topic: this.#request.topic, partitions }],
    });
    return { request, decode: (payload) => this.#decode(payload), waitMs: waitMsMax };
  }

  /**
   * Takes the answer to the latest call: what there is to deliver, with the ranges moved on.
   *
   * Partitions that got nothing come first in the next call, because brokers fill a response from the front.
   */
  receive(response: FetchResponse, nowMs: number): RecordBatches[] {
    const { topic } = this.#request;
    if (response.errorCode !== 0) throw brokerError(response.errorCode, `topic '${topic}'`);
    const answers = new Map(response.partitions.map((fetched) => [fetched.partition, fetched]));
    const first = this.#asked[0];
    const withoutRecords: RangeProgress[] = [];
    const withRecords: RangeProgress[] = [];
    const deliveries: RecordBatches[] = [];
    for (const range of this.#asked) {
      const fetched = answers.get(range.partition);
      // A broker that throttles may leave partitions out.
      if (fetched === undefined) withoutRecords.push(range);
      else if (fetched.errorCode !== 0) this.#refused(range, fetched.errorCode);
      else if (this.#take(range, fetched, range === first, nowMs, deliveries)) withRecords.push(range);
      else withoutRecords.push(range);
      if (range.complete) this.#unfinished.delete(range.partition);
    }
    this.#asked = [...withoutRecords, ...withRecords].filter((range) => !range.complete);
    return deliveries;
  }

  #take(
    range: RangeProgress,
    fetched: FetchedPartition,
    first: boolean,
    nowMs: number,
    deliveries: RecordBatches[],
  ): boolean {
    const committed = this.#request.isolation === 'read_committed';
    const readableEnd = committed ? fetched.lastStableOffset : fetched.highWatermark;
    const step = range.receive(fetched, readableEnd, first);
    if (step.kind === 'records') deliveries.push(step.batches);
    if (step.kind === 'nothing' && step.behind && range.behindMs(nowMs) > behindMsMax) {
      const what = `topic '${this.#request.topic}' partition ${range.partition}`;
      const problem = `offsets up to ${range.end} are wanted but the log can be read up to ${readableEnd} only`;
      throw new MillraceError('OFFSET_OUT_OF_RANGE', `${what}: ${problem}`);
    }
    return step.kind === 'records';
  }

  #refused(range: RangeProgress, errorCode: number): void {
    const error = brokerError(errorCode, `topic '${this.#request.topic}' partition ${range.partition}`);
    if (error.code === 'OFFSET_OUT_OF_RANGE') this.outOfRange = range;
    if (!isMillraceError(error, 'SOURCE_UNREACHABLE')) throw error;
    this.error = error;
  }

  #decode(payload: Buffer): FetchResponse {
    const response = decodeFetch(payload);
    const seen = new Set<number>();
    for (const { topic, partition } of response.partitions) {
      const asked = topic === this.#request.topic && this.#unfinished.has(partition);
      if (!asked || seen.has(partition)) {
        throw new MalformedResponseError(
          `topic '${topic}' partition ${partition} was not asked for, or comes twice`,
        );
      }
      seen.add(partition);
    }
    return response;
  }
}
