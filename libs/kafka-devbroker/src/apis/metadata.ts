import { leaderEpoch } from '../log/partition-log.ts';
import type { Topic } from '../log/topic-store.ts';
import { answerCode, errorCode, ProtocolError } from '../wire/error-code.ts';
import type { Api, Call, Outcome } from './api.ts';

/**
 * Metadata (3), versions 0 to 9 (flexible from 9). Versions from 10 on carry topic ids, which this broker has not.
 *
 *     Request  => [name STRING, tags] nullable, allow_auto_topic_creation BOOLEAN v4+,
 *                 include_cluster_authorized_operations BOOLEAN v8+, include_topic_authorized_operations BOOLEAN v8+, tags
 *     Response => throttle_time_ms INT32 v3+, [node_id INT32, host STRING, port INT32, rack STRING? v1+, tags],
 *                 cluster_id STRING? v2+, controller_id INT32 v1+, [error_code INT16, name STRING, is_internal BOOLEAN v1+,
 *                 [error_code INT16, partition INT32, leader INT32, leader_epoch INT32 v7+, replicas [INT32], isr [INT32],
 *                 offline_replicas [INT32] v5+, tags], authorized_operations INT32 v8+, tags],
 *                 cluster_authorized_operations INT32 v8+, tags
 *
 * All topics are asked for with an empty list in version 0 and with null later.
 */
export const metadataApi: Api = {
  versionMin: 0,
  versionMax: 9,
  flexibleFrom: 9,
  async handle(call): Promise<Outcome> {
    const { broker, version, request, response } = call;
    const names = request.nullableArray(() => {
      const name = request.string();
      request.tags();
      return name;
    });
    const mayCreate = version < 4 || request.boolean();
    const all = names === null || (version === 0 && names.length === 0);
    const wanted = all ? broker.topics.list().map((topic) => topic.name) : [...new Set(names)];
    const topics = await Promise.all(wanted.map((name) => findTopic(call, name, mayCreate)));

    if (version >= 3) response.int32(0);
    response.array([call.address], ({ host, port }) => {
      response.int32(broker.nodeId);
      response.string(host);
      response.int32(port);
      if (version >= 1) response.nullableString(null);
      response.tags();
    });
    if (version >= 2) response.nullableString(broker.clusterId);
    if (version >= 1) response.int32(broker.nodeId);
    response.array(topics, ({ name, topic, error }) => {
      response.int16(error);
      response.string(name);
      if (version >= 1) response.boolean(false);
      response.array([...(topic?.partitions.keys() ?? [])], (partition) =>
        writePartition(call, name, partition),
      );
      if (version >= 8) response.int32(operationsNotAsked);
      response.tags();
    });
    if (version >= 8) response.int32(operationsNotAsked);
    response.tags();
    return 'respond';
  },
};

/** Authorized operations are a bit set; this value says that they were left out. */
const operationsNotAsked = -(2 ** 31);

interface TopicAnswer {
  readonly name: string;
  readonly topic: Topic | undefined;
  readonly error: number;
}

async function findTopic(call: Call, name: string, mayCreate: boolean): Promise<TopicAnswer> {
  const { topics, autoCreateTopics, defaultPartitions } = call.broker;
  const injected = call.injectedError(name);
  if (injected !== errorCode.NONE) return { name, topic: undefined, error: injected };
  const known = topics.get(name);
  if (known !== undefined) return { name, topic: known, error: errorCode.NONE };
  if (!mayCreate || !autoCreateTopics) {
    return { name, topic: undefined, error: errorCode.UNKNOWN_TOPIC_OR_PARTITION };
  }
  try {
    return { name, topic: await topics.create(name, defaultPartitions), error: errorCode.NONE };
  } catch (error) {
    // Another request was faster.
    const topic = error instanceof ProtocolError ? topics.get(name) : undefined;
    return { name, topic, error: topic === undefined ? answerCode(error) : errorCode.NONE };
  }
}

function writePartition(
  { broker, version, response, injectedError }: Call,
  topic: string,
  partition: number,
) {
  response.int16(injectedError(topic, partition));
  response.int32(partition);
  response.int32(broker.nodeId);
  if (version >= 7) response.int32(leaderEpoch);
  response.int32Array([broker.nodeId]);
  response.int32Array([broker.nodeId]);
  if (version >= 5) response.int32Array([]);
  response.tags();
}
