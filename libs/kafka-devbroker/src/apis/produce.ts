import { answerCode, errorCode, ProtocolError } from '../wire/error-code.ts';
import { type Api, type Call, neverFlexible, type Outcome } from './api.ts';

/**
 * Produce (0), versions 0 to 8. Versions 0 to 2 are there because librdkafka looks for them before it compresses; their
 * message formats 0 and 1 are refused with UNSUPPORTED_FOR_MESSAGE_FORMAT.
 *
 *     Request  => transactional_id STRING? v3+, acks INT16, timeout_ms INT32,
 *                 [name STRING, [partition INT32, records BYTES?]]
 *     Response => [name STRING, [partition INT32, error_code INT16, base_offset INT64, log_append_time INT64 v2+,
 *                 log_start_offset INT64 v5+, [batch_index INT32, message STRING?] v8+, error_message STRING? v8+]],
 *                 throttle_time_ms INT32 v1+
 *
 * `acks` 0 gets no response; where that hides an error the connection is closed, as Kafka does. With one node, 1 and -1
 * mean the same.
 */
export const produceApi: Api = {
  versionMin: 0,
  versionMax: 8,
  flexibleFrom: neverFlexible,
  async handle(call): Promise<Outcome> {
    const { version, request, response } = call;
    const transactionalId = version >= 3 ? request.nullableString() : null;
    const acks = request.int16();
    request.int32();
    const topics = request.array(() => ({
      name: request.string(),
      partitions: request.array(() => ({ partition: request.int32(), records: request.nullableBytes() })),
    }));
    const refusal = refuse(acks, transactionalId);
    const answers = await Promise.all(
      topics.map(async ({ name, partitions }) => ({
        name,
        partitions: await Promise.all(
          partitions.map(({ partition, records }) =>
            refusal === undefined
              ? append(call, name, partition, records)
              : { partition, ...failed, ...refusal },
          ),
        ),
      })),
    );
    if (acks === 0) {
      const ok = answers.every((topic) => topic.partitions.every(({ error }) => error === errorCode.NONE));
      return ok ? 'stay silent' : 'close';
    }
    response.array(answers, (topic) => {
      response.string(topic.name);
      response.array(topic.partitions, (answer) => writePartition(call, answer));
    });
    if (version >= 1) response.int32(0);
    return 'respond';
  },
};

interface PartitionAnswer {
  readonly partition: number;
  readonly error: number;
  readonly message: string | null;
  readonly baseOffset: bigint;
  readonly logStartOffset: bigint;
}

const failed = { baseOffset: -1n, logStartOffset: -1n };

function refuse(acks: number, transactionalId: string | null) {
  if (transactionalId !== null) {
    const message = 'the development broker has no transactions';
    return { error: errorCode.INVALID_REQUEST, message };
  }
  if (acks < -1 || acks > 1) {
    return { error: errorCode.INVALID_REQUIRED_ACKS, message: 'acks is 0, 1 or -1' };
  }
  return undefined;
}

async function append(
  { broker, injectedError }: Call,
  topic: string,
  partition: number,
  records: Buffer | null,
): Promise<PartitionAnswer> {
  try {
    const injected = injectedError(topic, partition);
    if (injected !== errorCode.NONE) return { partition, ...failed, error: injected, message: null };
    const log = broker.topics.partition(topic, partition);
    if (records === null) throw new ProtocolError('INVALID_RECORD', 'the request has no records');
    const { baseOffset } = await log.append(records);
    return { partition, error: errorCode.NONE, message: null, baseOffset, logStartOffset: log.startOffset };
  } catch (error) {
    const message = error instanceof Error ? error.message : null;
    return { partition, ...failed, error: answerCode(error), message };
  }
}

function writePartition({ version, response }: Call, answer: PartitionAnswer): void {
  response.int32(answer.partition);
  response.int16(answer.error);
  response.int64(answer.baseOffset);
  // Records keep the time of their producer, which -1 says.
  if (version >= 2) response.int64(-1n);
  if (version >= 5) response.int64(answer.logStartOffset);
  if (version < 8) return;
  response.array([], () => {});
  response.nullableString(answer.message);
}
