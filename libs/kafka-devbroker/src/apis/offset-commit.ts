import { answerCode, errorCode } from '../wire/error-code.ts';
import { type Api, type Call, neverFlexible } from './api.ts';

/**
 * OffsetCommit (8), versions 2 to 7.
 *
 *     Request  => group_id STRING, generation_id INT32, member_id STRING, retention_time_ms INT64 v2-v4,
 *                 group_instance_id STRING? v7+,
 *                 [name STRING, [partition INT32, offset INT64, leader_epoch INT32 v6+, metadata STRING?]]
 *     Response => throttle_time_ms INT32 v3+, [name STRING, [partition INT32, error_code INT16]]
 */
export const offsetCommitApi: Api = {
  versionMin: 2,
  versionMax: 7,
  flexibleFrom: neverFlexible,
  handle(call) {
    const { version, request, response } = call;
    const groupId = request.string();
    const generation = request.int32();
    const memberId = request.string();
    if (version <= 4) request.int64();
    if (version >= 7) request.nullableString();
    const topics = request.array(() => ({
      name: request.string(),
      partitions: request.array(() => {
        const partition = request.int32();
        const offset = request.int64();
        if (version >= 6) request.int32();
        return { partition, offset, metadata: request.nullableString() };
      }),
    }));
    const refusal = check(call, groupId, memberId, generation);
    if (version >= 3) response.int32(0);
    response.array(topics, ({ name, partitions }) => {
      response.string(name);
      response.array(partitions, (committed) => {
        response.int32(committed.partition);
        response.int16(
          refusal !== errorCode.NONE ? refusal : commit(call, groupId, { topic: name, ...committed }),
        );
      });
    });
    return 'respond';
  },
};

function check({ broker }: Call, groupId: string, memberId: string, generation: number): number {
  try {
    broker.groups.checkCommit(groupId, memberId, generation);
    return errorCode.NONE;
  } catch (error) {
    return answerCode(error);
  }
}

function commit(
  { broker, injectedError }: Call,
  groupId: string,
  committed: { topic: string; partition: number; offset: bigint; metadata: string | null },
): number {
  const injected = injectedError(committed.topic, committed.partition);
  if (injected !== errorCode.NONE) return injected;
  try {
    broker.topics.partition(committed.topic, committed.partition);
    broker.groups.commit(groupId, committed);
    return errorCode.NONE;
  } catch (error) {
    return answerCode(error);
  }
}
