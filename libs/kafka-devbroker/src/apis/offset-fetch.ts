import type { CommittedOffset } from '../groups/committed-offsets.ts';
import { leaderEpoch } from '../log/partition-log.ts';
import { errorCode } from '../wire/error-code.ts';
import { type Api, neverFlexible } from './api.ts';

/**
 * OffsetFetch (9), versions 1 to 5; a null list of topics, from version 2, asks for all that the group has committed.
 *
 *     Request  => group_id STRING, [name STRING, [partition INT32]] nullable
 *     Response => throttle_time_ms INT32 v3+,
 *                 [name STRING, [partition INT32, offset INT64, leader_epoch INT32 v5+, metadata STRING?, error_code INT16]],
 *                 error_code INT16 v2+
 */
export const offsetFetchApi: Api = {
  versionMin: 1,
  versionMax: 5,
  flexibleFrom: neverFlexible,
  handle({ broker, version, request, response, injectedError }) {
    const groupId = request.string();
    const topics = request.nullableArray(() => ({
      name: request.string(),
      partitions: request.array(() => request.int32()),
    }));
    const { offsets } = broker.groups;
    const asked = topics ?? committedTopics(offsets.list(groupId));
    if (version >= 3) response.int32(0);
    response.array(asked, ({ name, partitions }) => {
      response.string(name);
      response.array(partitions, (partition) => {
        const committed: CommittedOffset | undefined = offsets.get(groupId, name, partition);
        response.int32(partition);
        response.int64(committed?.offset ?? -1n);
        if (version >= 5) response.int32(committed === undefined ? -1 : leaderEpoch);
        response.nullableString(committed?.metadata ?? '');
        response.int16(injectedError(name, partition));
      });
    });
    if (version >= 2) response.int16(errorCode.NONE);
    return 'respond';
  },
};

function committedTopics(committed: readonly { topic: string; partition: number }[]) {
  const byTopic = Map.groupBy(committed, (each) => each.topic);
  return [...byTopic].map(([name, each]) => ({ name, partitions: each.map(({ partition }) => partition) }));
}
