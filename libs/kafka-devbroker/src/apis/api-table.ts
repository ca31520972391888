import type { Api } from './api.ts';
import { type ApiName, apiKeys } from './api-name.ts';
import { apiVersionsApi } from './api-versions.ts';
import { createPartitionsApi } from './create-partitions.ts';
import { createTopicsApi } from './create-topics.ts';
import { deleteRecordsApi } from './delete-records.ts';
import { deleteTopicsApi } from './delete-topics.ts';
import { describeClusterApi } from './describe-cluster.ts';
import { describeConfigsApi } from './describe-configs.ts';
import { fetchApi } from './fetch.ts';
import { findCoordinatorApi } from './find-coordinator.ts';
import { heartbeatApi } from './heartbeat.ts';
import { initProducerIdApi } from './init-producer-id.ts';
import { joinGroupApi } from './join-group.ts';
import { leaveGroupApi } from './leave-group.ts';
import { listOffsetsApi } from './list-offsets.ts';
import { metadataApi } from './metadata.ts';
import { offsetCommitApi } from './offset-commit.ts';
import { offsetFetchApi } from './offset-fetch.ts';
import { produceApi } from './produce.ts';
import { syncGroupApi } from './sync-group.ts';

const handlers = {
  Produce: produceApi,
  Fetch: fetchApi,
  ListOffsets: listOffsetsApi,
  Metadata: metadataApi,
  OffsetCommit: offsetCommitApi,
  OffsetFetch: offsetFetchApi,
  FindCoordinator: findCoordinatorApi,
  JoinGroup: joinGroupApi,
  Heartbeat: heartbeatApi,
  LeaveGroup: leaveGroupApi,
  SyncGroup: syncGroupApi,
  ApiVersions: apiVersionsApi(() => offeredVersions),
  CreateTopics: createTopicsApi,
  DeleteTopics: deleteTopicsApi,
  DeleteRecords: deleteRecordsApi,
  InitProducerId: initProducerIdApi,
  DescribeConfigs: describeConfigsApi,
  CreatePartitions: createPartitionsApi,
  DescribeCluster: describeClusterApi,
} satisfies Record<ApiName, Api>;

/** The versions of every request that the broker understands, as ApiVersions tells them. */
export interface OfferedVersions {
  readonly key: number;
  readonly versionMin: number;
  readonly versionMax: number;
}

const apisByKey = new Map<number, { name: ApiName; api: Api }>();
const offeredVersions: OfferedVersions[] = [];
for (const [name, api] of Object.entries(handlers) as [ApiName, Api][]) {
  const key = apiKeys[name];
  apisByKey.set(key, { name, api });
  offeredVersions.push({ key, versionMin: api.versionMin, versionMax: api.versionMax });
}

export function findApi(key: number): { readonly name: ApiName; readonly api: Api } | undefined {
  return apisByKey.get(key);
}
