import { leaderEpoch, type PartitionLog } from '../log/partition-log.ts';
import { answerCode, errorCode } from '../wire/error-code.ts';
import { type Api, type Call, neverFlexible, type Outcome } from './api.ts';

/**
 * ListOffsets (2), versions 1 to 5.
 *
 *     Request  => replica_id INT32, isolation_level INT8 v2+,
 *                 [name STRING, [partition INT32, current_leader_epoch INT32 v4+, timestamp INT64]]
 *     Response => throttle_time_ms INT32 v2+,
 *                 [name STRING, [partition INT32, error_code INT16, timestamp INT64, offset INT64, leader_epoch INT32 v4+]]
 *
 * `timestamp` -1 asks for the end, -2 for the start; any other for the first record at or after it, -1 if there is none.
 */
export const listOffsetsApi: Api = {
  versionMin: 1,
  versionMax: 5,
  flexibleFrom: neverFlexible,
  async handle(call): Promise<Outcome> {
    const { version, request, response } = call;
    request.int32();
    if (version >= 2) request.int8();
    const topics = request.array(() => ({
      name: request.string(),
      partitions: request.array(() => {
        const partition = request.int32();
        if (version >= 4) request.int32();
        return { partition, timestamp: request.int64() };
      }),
    }));
    const answers: { name: string; partitions: PartitionAnswer[] }[] = [];
    for (const { name, partitions } of topics) {
      const found: PartitionAnswer[] = [];
      for (const { partition, timestamp } of partitions)
        found.push(await find(call, name, partition, timestamp));
      answers.push({ name, partitions: found });
    }
    if (version >= 2) response.int32(0);
    response.array(answers, ({ name, partitions }) => {
      response.string(name);
      response.array(partitions, (answer) => {
        response.int32(answer.partition);
        response.int16(answer.error);
        response.int64(answer.timestamp);
        response.int64(answer.offset);
        if (version >= 4) response.int32(answer.error === errorCode.NONE ? leaderEpoch : -1);
      });
    });
    return 'respond';
  },
};

interface FoundOffset {
  readonly timestamp: bigint;
  readonly offset: bigint;
}

interface PartitionAnswer extends FoundOffset {
  readonly partition: number;
  readonly error: number;
}

const nothing: FoundOffset = { timestamp: -1n, offset: -1n };

async function find(
  { broker, injectedError }: Call,
  topic: string,
  partition: number,
  timestamp: bigint,
): Promise<PartitionAnswer> {
  try {
    const injected = injectedError(topic, partition);
    if (injected !== errorCode.NONE) return { partition, error: injected, ...nothing };
    const log = broker.topics.partition(topic, partition);
    return { partition, error: errorCode.NONE, ...(await findOffset(log, timestamp)) };
  } catch (error) {
    return { partition, error: answerCode(error), ...nothing };
  }
}

async function findOffset(log: PartitionLog, timestamp: bigint): Promise<FoundOffset> {
  if (timestamp === -1n) return { timestamp: -1n, offset: log.endOffset };
  if (timestamp === -2n) return { timestamp: -1n, offset: log.startOffset };
  return (await log.findTimestamp(timestamp)) ?? nothing;
}
