import { isMillraceError, MillraceError } from '@millrace/errors/millrace-error';
import { sleep } from '@millrace/runtime/backoff';
import type { FetchRequest } from './fetch-request.ts';
import type { KafkaCluster } from './kafka-cluster.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import { groupByLeader, type LeaderGroup } from './leader-groups.ts';
import { LeaderRanges } from './leader-ranges.ts';
import { listPartitionOffsets } from './list-offsets.ts';
import { RangeProgress } from './range-progress.ts';
import type { RecordBatches } from './record-cursor.ts';
import type { FetchResponse } from './responses.ts';

/** Attempts without any progress in between; with the delays below they last for half a minute, as a broker restarts. */
const attemptsMax = 25;
const retryDelayMsMin = 50;
const retryDelayMsMax = 1_500;

/** Smaller responses would cost more in round trips than they save in memory. */
const responseBytesMin = 64 * 1024;

/**
 * Receives batches, in offset order within each partition, to be walked with a `RecordCursor` (which checks them). Calls
 * do not overlap, and no more is fetched than the buffer holds until the promise resolves. The bytes may be kept.
 */
export type BatchSink = (batches: RecordBatches) => Promise<void> | void;

/**
 * Reads ranges of offsets to their ends: one connection to each leading broker, with one request under way while the
 * answer before it is being delivered. Goes on with the new leader where one moves.
 *
 * Resolves when the sink has taken all that the log still has of the ranges.
 *
 * @throws MillraceError OFFSET_OUT_OF_RANGE where the log does not reach over a range; TOPIC_UNKNOWN, SOURCE_UNREACHABLE,
 *   SOURCE_AUTHENTICATION, RECORD_CORRUPT, RECORD_FORMAT; what the sink throws; the reason of the signal
 */
export async function fetchRanges(
  cluster: KafkaCluster,
  request: FetchRequest,
  sink: BatchSink,
): Promise<void> {
  const run = new FetchRun(cluster, request, sink);
  await run.finished();
}

class FetchRun {
  readonly #cluster: KafkaCluster;
  readonly #request: FetchRequest;
  readonly #sink: BatchSink;
  readonly #ranges: Map<number, RangeProgress>;
  /** Aborts what is left when one broker's part has failed for good. */
  readonly #failed = new AbortController();
  readonly #signal: AbortSignal;
  /** Resolves when the sink is free. */
  #sinkFree: Promise<void> = Promise.resolve();

  constructor(cluster: KafkaCluster, request: FetchRequest, sink: BatchSink) {
    this.#cluster = cluster;
    this.#request = request;
    this.#sink = sink;
    const ranges = request.ranges.filter(({ begin, end }) => begin < end);
    this.#ranges = new Map(ranges.map((range) => [range.partition, new RangeProgress(request.topic, range)]));
    if (this.#ranges.size !== ranges.length) throw new Error('a partition has two ranges');
    const { signal } = this.#failed;
    this.#signal = request.signal === undefined ? signal : AbortSignal.any([signal, request.signal]);
  }

  async finished(): Promise<void> {
    for (let attempt = 0; this.#ranges.size > 0; ) {
      this.#signal.throwIfAborted();
      const before = this.#position();
      const error = await this.#readOnce(attempt > 0);
      if (error === undefined) continue;
      // `attempt` counts failures since the last progress; the first retry asks for fresh metadata.
      attempt = this.#position() > before ? 1 : attempt + 1;
      if (attempt >= attemptsMax) throw error;
      this.#request.onRetry?.(error, attempt);
      await sleep(Math.min(retryDelayMsMax, retryDelayMsMin * 2 ** (attempt - 1)), this.#signal);
    }
  }

  #position(): bigint {
    let sum = 0n;
    for (const range of this.#request.ranges) sum += this.#ranges.get(range.partition)?.next ?? range.end;
    return sum;
  }

  /** Reads from all leaders until each is done or failed; returns an error that another attempt can mend. */
  async #readOnce(refresh: boolean): Promise<MillraceError | undefined> {
    const { topic } = this.#request;
    let results: PromiseSettledResult<void>[];
    try {
      const leaders = await this.#cluster.topicLeaders(topic, { refresh, signal: this.#signal });
      const groups = groupByLeader(topic, leaders, this.#ranges.keys());
      results = await Promise.allSettled(groups.map((group) => this.#readLeader(group, groups.length)));
    } catch (error) {
      results = [{ status: 'rejected', reason: error }];
    }
    const errors: unknown[] = results.flatMap((result) =>
      result.status === 'rejected' ? [result.reason] : [],
    );
    this.#request.signal?.throwIfAborted();
    // The first part that failed for good has aborted the others, and its error is the reason of the signal.
    this.#failed.signal.throwIfAborted();
    for (const error of errors) if (!isMillraceError(error, 'SOURCE_UNREACHABLE')) throw error;
    return errors.find((error) => isMillraceError(error));
  }

  async #readLeader(group: LeaderGroup, leaderCount: number): Promise<void> {
    try {
      const connection = await this.#cluster.takeConnection(group.leader, this.#signal);
      // The only way to take a request back is to end the connection.
      const onAbort = () => connection.close();
      this.#signal.addEventListener('abort', onAbort, { once: true });
      try {
        await this.#readConnection(connection, group.partitions, leaderCount);
      } finally {
        this.#signal.removeEventListener('abort', onAbort);
        this.#cluster.giveBack(connection);
      }
    } catch (error) {
      if (!isMillraceError(error, 'SOURCE_UNREACHABLE')) this.#failed.abort(error);
      throw error;
    }
  }

  /** Returns with no request under way, or with the connection closed. */
  async #readConnection(
    connection: KafkaConnection,
    partitions: readonly number[],
    leaderCount: number,
  ): Promise<void> {
    // Two responses of each broker are held at a time: one being delivered, one arriving.
    const bytesMax = Math.max(responseBytesMin, Math.floor(this.#request.bufferBytesMax / 2 / leaderCount));
    const leader = new LeaderRanges(this.#request, this.#ranges, partitions);
    const send = async (throttleMs: number): Promise<FetchResponse> => {
      if (throttleMs > 0) await sleep(throttleMs, this.#signal);
      return connection.request(leader.call(bytesMax));
    };
    let pending: Promise<FetchResponse> | undefined = send(0);
    try {
      while (pending !== undefined) {
        const response: FetchResponse = await pending;
        pending = undefined;
        const deliveries = await this.#receive(leader, response);
        if (leader.waiting > 0) {
          pending = send(response.throttleMs);
          // Its failure is dealt with when the deliveries are done.
          pending.catch(() => {});
        }
        for (const batches of deliveries) await this.#deliver(batches);
      }
    } finally {
      if (pending !== undefined) connection.close();
    }
    if (leader.error !== undefined) throw leader.error;
  }

  async #receive(leader: LeaderRanges, response: FetchResponse): Promise<RecordBatches[]> {
    try {
      return leader.receive(response, performance.now());
    } catch (error) {
      throw isMillraceError(error, 'OFFSET_OUT_OF_RANGE')
        ? await this.#withAvailableRange(leader, error)
        : error;
    }
  }

  async #deliver(batches: RecordBatches): Promise<void> {
    const turn = this.#sinkFree;
    const { promise: free, resolve } = Promise.withResolvers<void>();
    this.#sinkFree = free;
    await turn;
    try {
      this.#signal.throwIfAborted();
      await this.#sink(batches);
    } finally {
      resolve();
    }
  }

  /** The broker's answer does not say what it has. */
  async #withAvailableRange(leader: LeaderRanges, error: MillraceError): Promise<MillraceError> {
    const { topic, isolation } = this.#request;
    const range = leader.outOfRange;
    if (range === undefined) return error;
    const listed = await listPartitionOffsets(this.#cluster, {
      topic,
      isolation,
      signal: this.#signal,
    }).catch(() => []);
    const available = listed.find(({ partition }) => partition === range.partition);
    if (available === undefined) return error;
    const { earliest, latest } = available;
    return new MillraceError(
      'OFFSET_OUT_OF_RANGE',
      `topic '${topic}' partition ${range.partition}: offset ${range.next} of the range to ${range.end} is not available, ` +
        `the broker has ${earliest} to ${latest}`,
    );
  }
}
