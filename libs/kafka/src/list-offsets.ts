import { MillraceError } from '@millrace/errors/millrace-error';
import { retry } from '@millrace/runtime/backoff';
import { type BrokerAddress, formatAddress } from './broker-address.ts';
import { brokerError } from './broker-error.ts';
import { type IsolationLevel, isolationNumber } from './isolation-level.ts';
import type { KafkaCluster } from './kafka-cluster.ts';
import { brokerRequests } from './kafka-connection.ts';
import { groupByLeader } from './leader-groups.ts';
import { decodeListOffsets } from './responses.ts';
import { untilAborted } from './until-aborted.ts';

/** What can be read of one partition: offsets from `earliest` up to, but not including, `latest`. */
export interface PartitionOffsets {
  readonly partition: number;
  readonly earliest: bigint;
  /** For read_committed the last stable offset, otherwise the high watermark. */
  readonly latest: bigint;
}

export interface ListOffsetsRequest {
  readonly topic: string;
  readonly isolation: IsolationLevel;
  readonly signal?: AbortSignal | undefined;
}

/** Special timestamps of ListOffsets. */
const earliestTimestamp = -2;
const latestTimestamp = -1;

const attemptsMax = 4;

/**
 * Lists every partition of a topic, in ascending order: one exchange with each broker that leads some.
 *
 * @throws MillraceError TOPIC_UNKNOWN, SOURCE_UNREACHABLE, SOURCE_AUTHENTICATION
 */
export async function listPartitionOffsets(
  cluster: KafkaCluster,
  request: ListOffsetsRequest,
): Promise<PartitionOffsets[]> {
  const { topic, signal } = request;
  return retry(
    { attemptsMax, delayMsMin: 50, delayMsMax: 400, signal, isRetryable },
    async (attempt): Promise<PartitionOffsets[]> => {
      const topicLeaders = await cluster.topicLeaders(topic, { refresh: attempt > 1, signal });
      const groups = groupByLeader(topic, topicLeaders);
      const answers = groups.map((group) => listOfLeader(cluster, request, group.leader, group.partitions));
      const offsets = (await Promise.all(answers)).flat();
      return offsets.sort((a, b) => a.partition - b.partition);
    },
  );
}

function isRetryable(error: unknown): boolean {
  return error instanceof MillraceError && error.code === 'SOURCE_UNREACHABLE';
}

async function listOfLeader(
  cluster: KafkaCluster,
  { topic, isolation, signal }: ListOffsetsRequest,
  leader: BrokerAddress,
  partitions: readonly number[],
): Promise<PartitionOffsets[]> {
  const connection = await cluster.sharedConnection(leader, signal);
  const ask = async (timestamp: number): Promise<Map<number, bigint>> => {
    const { request } = brokerRequests.listOffsets({
      replicaId: -1,
      isolationLevel: isolationNumber[isolation],
      topics: [{ topic, partitions: partitions.map((partition) => ({ partition, timestamp })) }],
    });
    const listed = await untilAborted(connection.request({ request, decode: decodeListOffsets }), signal);
    for (const { partition, errorCode } of listed) {
      if (errorCode !== 0) throw brokerError(errorCode, `topic '${topic}' partition ${partition}`);
    }
    return new Map(listed.map(({ partition, offset }) => [partition, offset]));
  };
  const [earliest, latest] = await Promise.all([ask(earliestTimestamp), ask(latestTimestamp)]);
  return partitions.map((partition) => {
    const from = earliest.get(partition);
    const to = latest.get(partition);
    if (from === undefined || to === undefined) {
      const problem = `${formatAddress(leader)} left out topic '${topic}' partition ${partition}`;
      throw new MillraceError('RECORD_CORRUPT', problem);
    }
    return { partition, earliest: from, latest: to };
  });
}
