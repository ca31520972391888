import type { PartitionLog } from '../log/partition-log.ts';
import { answerCode, errorCode } from '../wire/error-code.ts';
import { type Api, type Call, neverFlexible, type Outcome } from './api.ts';

/**
 * Fetch (1), versions 4 to 11.
 *
 *     Request  => replica_id INT32, max_wait_ms INT32, min_bytes INT32, max_bytes INT32, isolation_level INT8,
 *                 session_id INT32 v7+, session_epoch INT32 v7+,
 *                 [name STRING, [partition INT32, current_leader_epoch INT32 v9+, fetch_offset INT64,
 *                 log_start_offset INT64 v5+, partition_max_bytes INT32]], forgotten topics v7+, rack_id STRING v11+
 *     Response => throttle_time_ms INT32, error_code INT16 v7+, session_id INT32 v7+,
 *                 [name STRING, [partition INT32, error_code INT16, high_watermark INT64, last_stable_offset INT64,
 *                 log_start_offset INT64 v5+, aborted_transactions [..]?, preferred_read_replica INT32 v11+, records BYTES?]]
 *
 * Waits until `min_bytes` are there, a partition has an error, or `max_wait_ms` are over. Records are whole batches; the
 * first one is sent even where it exceeds the limits (KIP-74). Sessions (KIP-227) are declined with session id 0, after
 * which clients name all partitions in each request.
 */
export const fetchApi: Api = {
  versionMin: 4,
  versionMax: 11,
  flexibleFrom: neverFlexible,
  async handle(call): Promise<Outcome> {
    const fetch = readRequest(call);
    const topError = fetch.sessionId === 0 ? errorCode.NONE : errorCode.FETCH_SESSION_ID_NOT_FOUND;
    const wanted = topError === errorCode.NONE ? fetch.topics : [];
    const partitions = wanted.flatMap((topic) => topic.partitions);
    const injected = new Map(
      partitions.map((each) => [each, call.injectedError(each.topic, each.partition)]),
    );
    const check = (each: WantedPartition) => checkPartition(call, each, injected.get(each) ?? errorCode.NONE);
    await waitForBytes(call, fetch, partitions, check);

    let budget = Math.min(fetch.bytesMax, call.broker.fetchBytesMax);
    let empty = true;
    const answers = new Map<WantedPartition, PartitionAnswer>();
    for (const each of partitions) {
      const answer = await readPartition(each, check(each), budget, empty);
      budget -= answer.records.length;
      if (answer.records.length > 0) empty = false;
      answers.set(each, answer);
    }
    writeResponse(call, topError, wanted, answers);
    return 'respond';
  },
};

interface WantedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly bytesMax: number;
}

interface FetchRequest {
  readonly waitMs: number;
  readonly bytesMin: number;
  readonly bytesMax: number;
  readonly sessionId: number;
  readonly topics: readonly { readonly name: string; readonly partitions: readonly WantedPartition[] }[];
}

type CheckedPartition = { readonly error: number } | { readonly error: 0; readonly log: PartitionLog };

interface PartitionAnswer {
  readonly error: number;
  readonly highWatermark: bigint;
  readonly logStartOffset: bigint;
  readonly records: Buffer;
}

const noRecords = Buffer.alloc(0);

/** A longer wait is cut: the client asks again. */
const waitMsMax = 60_000;

function readRequest({ version, request }: Call): FetchRequest {
  request.int32();
  const waitMs = request.int32();
  const bytesMin = request.int32();
  const bytesMax = request.int32();
  request.int8();
  const sessionId = version >= 7 ? request.int32() : 0;
  if (version >= 7) request.int32();
  const topics = request.array(() => {
    const name = request.string();
    const partitions = request.array(() => {
      const partition = request.int32();
      if (version >= 9) request.int32();
      const offset = request.int64();
      if (version >= 5) request.int64();
      return { topic: name, partition, offset, bytesMax: request.int32() };
    });
    return { name, partitions };
  });
  return { waitMs: Math.min(waitMs, waitMsMax), bytesMin, bytesMax, sessionId, topics };
}

function checkPartition({ broker }: Call, wanted: WantedPartition, injected: number): CheckedPartition {
  if (injected !== errorCode.NONE) return { error: injected };
  try {
    const log = broker.topics.partition(wanted.topic, wanted.partition);
    log.checkOffset(wanted.offset);
    return { error: errorCode.NONE, log };
  } catch (error) {
    return { error: answerCode(error) };
  }
}

async function waitForBytes(
  call: Call,
  fetch: FetchRequest,
  partitions: readonly WantedPartition[],
  check: (wanted: WantedPartition) => CheckedPartition,
): Promise<void> {
  const deadlineMs = performance.now() + fetch.waitMs;
  for (;;) {
    const logs: PartitionLog[] = [];
    let bytes = 0;
    for (const wanted of partitions) {
      const checked = check(wanted);
      if (!('log' in checked)) return;
      logs.push(checked.log);
      bytes += Math.min(checked.log.bytesFrom(wanted.offset), wanted.bytesMax);
    }
    const leftMs = deadlineMs - performance.now();
    if (bytes >= fetch.bytesMin || leftMs <= 0 || call.signal.aborted) return;
    await changeOf(logs, leftMs, call.signal);
  }
}

/** Resolves at the next change of one of `logs`, after `timeoutMs`, or when `signal` is aborted. */
function changeOf(logs: readonly PartitionLog[], timeoutMs: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = () => resolve();
  const stops = logs.map((log) => log.onChange(done));
  const timer = setTimeout(done, timeoutMs);
  signal.addEventListener('abort', done, { once: true });
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener('abort', done);
    for (const stop of stops) stop();
  });
}

async function readPartition(
  wanted: WantedPartition,
  checked: CheckedPartition,
  budget: number,
  firstMayExceed: boolean,
): Promise<PartitionAnswer> {
  if (!('log' in checked)) {
    return { error: checked.error, highWatermark: -1n, logStartOffset: -1n, records: noRecords };
  }
  const { log } = checked;
  try {
    const highWatermark = log.endOffset;
    const limit = Math.min(wanted.bytesMax, budget);
    let records: Buffer = noRecords;
    if (limit > 0 || firstMayExceed) records = await log.read(wanted.offset, Math.max(limit, 0));
    if (records.length > Math.max(limit, 0) && !firstMayExceed) records = noRecords;
    return { error: errorCode.NONE, highWatermark, logStartOffset: log.startOffset, records };
  } catch (error) {
    return { error: answerCode(error), highWatermark: -1n, logStartOffset: -1n, records: noRecords };
  }
}

function writeResponse(
  { version, response }: Call,
  topError: number,
  topics: FetchRequest['topics'],
  answers: ReadonlyMap<WantedPartition, PartitionAnswer>,
): void {
  response.int32(0);
  if (version >= 7) {
    response.int16(topError);
    response.int32(0);
  }
  response.array(topics, ({ name, partitions }) => {
    response.string(name);
    response.array(partitions, (wanted) => {
      const answer = answers.get(wanted);
      response.int32(wanted.partition);
      response.int16(answer?.error ?? errorCode.UNKNOWN_SERVER_ERROR);
      response.int64(answer?.highWatermark ?? -1n);
      // Without transactions everything is stable as soon as it is written.
      response.int64(answer?.highWatermark ?? -1n);
      if (version >= 5) response.int64(answer?.logStartOffset ?? -1n);
      response.array([], () => {});
      if (version >= 11) response.int32(-1);
      response.bytes(answer?.records ?? noRecords);
    });
  });
}
