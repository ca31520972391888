import type { CatalogStore } from '@millrace/catalog/catalog-store';
import type { PipelineRecord } from '@millrace/catalog/definitions';
import {
  type Pipeline,
  type PipelineAdminServer,
  PipelineAdminService,
} from '@millrace/proto/millrace/cluster/v1/pipeline_admin';
import type { Handlers } from '@millrace/rpc/handlers';
import type { ServiceBinding } from '@millrace/rpc/server';
import { definitionOf } from '../pipeline-spec.ts';
import type { Pipelines } from '../pipelines.ts';

/** Pipelines for gRPC clients: the same actions as START, STOP and SHOW PIPELINES. */
export function pipelineAdminService(
  pipelines: Pipelines,
  catalog: CatalogStore,
  handlers: Handlers,
): ServiceBinding {
  const implementation: PipelineAdminServer = {
    listPipelines: handlers.unary(async ({ database }) => ({
      pipelines: pipelines
        .list(database === '' ? undefined : database)
        .map((record) => pipelineToProto(record, catalog)),
    })),
    startPipeline: handlers.unary(async ({ database, name }) => {
      pipelines.start(database, name, false);
      return {};
    }),
    stopPipeline: handlers.unary(async ({ database, name }) => {
      await pipelines.stop(database, name, false);
      return {};
    }),
  };
  return { definition: PipelineAdminService, implementation };
}

function pipelineToProto(record: PipelineRecord, catalog: CatalogStore): Pipeline {
  const cursors = catalog.pipelines.cursors(record.id);
  return {
    database: catalog.schema.databaseById(record.databaseId)?.name ?? '',
    name: record.name,
    state: record.state,
    table: definitionOf(record).target.name.name,
    cursors: cursors.map(({ sourcePartition, cursorOffset, earliestOffset, latestOffset }) => ({
      sourcePartition,
      cursorOffset,
      earliestOffset: earliestOffset ?? 0n,
      latestOffset: latestOffset ?? cursorOffset,
    })),
    lastBatchId: catalog.pipelines.lastBatch(record.id)?.batchId ?? 0n,
    lastError: catalog.pipelines.lastError(record.id)?.message ?? '',
  };
}
