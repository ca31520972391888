import { answerCode, errorCode, ProtocolError } from '../wire/error-code.ts';
import { type Api, type Call, neverFlexible, type Outcome } from './api.ts';

/**
 * DeleteRecords (21), versions 0 to 1: moves the start of logs; offset -1 means their end.
 *
 *     Request  => [name STRING, [partition INT32, offset INT64]], timeout_ms INT32
 *     Response => throttle_time_ms INT32, [name STRING, [partition INT32, low_watermark INT64, error_code INT16]]
 */
export const deleteRecordsApi: Api = {
  versionMin: 0,
  versionMax: 1,
  flexibleFrom: neverFlexible,
  async handle(call): Promise<Outcome> {
    const { request, response } = call;
    const topics = request.array(() => ({
      name: request.string(),
      partitions: request.array(() => ({ partition: request.int32(), offset: request.int64() })),
    }));
    request.int32();
    const answers: { name: string; partitions: PartitionAnswer[] }[] = [];
    for (const { name, partitions } of topics) {
      const done: PartitionAnswer[] = [];
      for (const { partition, offset } of partitions) done.push(await advance(call, name, partition, offset));
      answers.push({ name, partitions: done });
    }
    response.int32(0);
    response.array(answers, ({ name, partitions }) => {
      response.string(name);
      response.array(partitions, ({ partition, lowWatermark, error }) => {
        response.int32(partition);
        response.int64(lowWatermark);
        response.int16(error);
      });
    });
    return 'respond';
  },
};

interface PartitionAnswer {
  readonly partition: number;
  readonly lowWatermark: bigint;
  readonly error: number;
}

async function advance(
  { broker, injectedError }: Call,
  topic: string,
  partition: number,
  offset: bigint,
): Promise<PartitionAnswer> {
  try {
    const injected = injectedError(topic, partition);
    if (injected !== errorCode.NONE) return { partition, lowWatermark: -1n, error: injected };
    const log = broker.topics.partition(topic, partition);
    const start = offset === -1n ? log.endOffset : offset;
    if (start < 0n || start > log.endOffset) {
      throw new ProtocolError('OFFSET_OUT_OF_RANGE', `offset ${offset} is behind the end ${log.endOffset}`);
    }
    return { partition, lowWatermark: await log.advanceStart(start), error: errorCode.NONE };
  } catch (error) {
    return { partition, lowWatermark: -1n, error: answerCode(error) };
  }
}
