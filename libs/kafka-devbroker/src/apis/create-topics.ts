import { answerCode, errorCode, ProtocolError } from '../wire/error-code.ts';
import { type Api, type Call, neverFlexible, type Outcome } from './api.ts';

/**
 * CreateTopics (19), versions 0 to 4. Topic configurations are accepted and ignored.
 *
 *     Request  => [name STRING, num_partitions INT32, replication_factor INT16, [partition INT32, broker_ids [INT32]],
 *                 [config STRING, value STRING?]], timeout_ms INT32, validate_only BOOLEAN v1+
 *     Response => throttle_time_ms INT32 v2+, [name STRING, error_code INT16, error_message STRING? v1+]
 *
 * `num_partitions` -1 means the broker's default, or as many as are assigned to brokers explicitly.
 */
export const createTopicsApi: Api = {
  versionMin: 0,
  versionMax: 4,
  flexibleFrom: neverFlexible,
  async handle(call): Promise<Outcome> {
    const { version, request, response } = call;
    const topics = request.array(() => ({
      name: request.string(),
      partitions: request.int32(),
      replicas: request.int16(),
      assignments: request.array(() => ({
        partition: request.int32(),
        brokers: request.array(() => request.int32()),
      })),
      configs: request.array(() => ({ name: request.string(), value: request.nullableString() })),
    }));
    request.int32();
    const validateOnly = version >= 1 && request.boolean();
    const answers: { name: string; error: number; message: string | null }[] = [];
    for (const topic of topics)
      answers.push({ name: topic.name, ...(await create(call, topic, validateOnly)) });
    if (version >= 2) response.int32(0);
    response.array(answers, ({ name, error, message }) => {
      response.string(name);
      response.int16(error);
      if (version >= 1) response.nullableString(message);
    });
    return 'respond';
  },
};

interface NewTopic {
  readonly name: string;
  readonly partitions: number;
  readonly replicas: number;
  readonly assignments: readonly unknown[];
}

async function create({ broker, injectedError }: Call, topic: NewTopic, validateOnly: boolean) {
  try {
    const injected = injectedError(topic.name);
    if (injected !== errorCode.NONE) return { error: injected, message: null };
    if (topic.replicas !== -1 && topic.replicas !== 1) {
      throw new ProtocolError('INVALID_REPLICATION_FACTOR', 'the development broker is a single node');
    }
    const assigned = topic.assignments.length;
    const asked = topic.partitions === -1 ? broker.defaultPartitions : topic.partitions;
    const partitions = assigned > 0 ? assigned : asked;
    if (validateOnly) broker.topics.checkCreate(topic.name, partitions);
    else await broker.topics.create(topic.name, partitions);
    return { error: errorCode.NONE, message: null };
  } catch (error) {
    return { error: answerCode(error), message: error instanceof Error ? error.message : null };
  }
}
