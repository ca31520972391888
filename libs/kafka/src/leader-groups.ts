import { MillraceError } from '@millrace/errors/millrace-error';
import { type BrokerAddress, formatAddress } from './broker-address.ts';
import type { TopicLeaders } from './kafka-cluster.ts';

export interface LeaderGroup {
  readonly leader: BrokerAddress;
  readonly partitions: number[];
}

/**
 * The partitions by the broker that leads them; all of the topic, or those given.
 *
 * @throws MillraceError SOURCE_UNREACHABLE if one has no leader at the moment
 */
export function groupByLeader(
  topic: string,
  topicLeaders: TopicLeaders,
  partitions: Iterable<number> = topicLeaders.partitions,
): LeaderGroup[] {
  const groups = new Map<string, LeaderGroup>();
  for (const partition of partitions) {
    const leader = topicLeaders.leaders.get(partition);
    if (leader === undefined) {
      const known = topicLeaders.partitions.includes(partition);
      const problem = known ? 'has no leader at the moment' : 'does not exist';
      const code = known ? 'SOURCE_UNREACHABLE' : 'TOPIC_UNKNOWN';
      throw new MillraceError(code, `topic '${topic}' partition ${partition} ${problem}`);
    }
    const name = formatAddress(leader);
    const group = groups.get(name) ?? { leader, partitions: [] };
    group.partitions.push(partition);
    groups.set(name, group);
  }
  return [...groups.values()];
}
