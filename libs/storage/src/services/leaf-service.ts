import { MillraceError } from '@millrace/errors/millrace-error';
import {
  type LeafServer,
  type QueryRequest,
  type QueryResponse,
  ResultFormat,
  type StageHeader,
  type StageRequest,
  type StageResponse,
} from '@millrace/proto/millrace/leaf/v1/leaf';
import type { CallContext, Handlers } from '@millrace/rpc/handlers';
import { batchToProto, typeFromProto } from '@millrace/rpc/values';
import type { Leaf } from '../leaf.ts';
import {
  decisionFromProto,
  engineRowsToProto,
  fragmentFromProto,
  partitionFromProto,
  redoRecordFromProto,
  tableFromProto,
} from './conversion.ts';

/** The gRPC service of a leaf. `leafId` is what GetStatus answers. */
export function leafService(leaf: Leaf, leafId: string, handlers: Handlers): LeafServer {
  return {
    applySchema: handlers.unary(async ({ databaseId, schemaVersion, ordinals, tables }) => ({
      schemaVersion: await leaf.applySchema({
        databaseId,
        schemaVersion,
        ordinals,
        tables: tables.map(tableFromProto),
      }),
    })),
    dropDatabase: handlers.unary(async ({ databaseId }) => {
      await leaf.dropDatabase(databaseId);
      return {};
    }),
    stage: handlers.clientStreaming((requests, context) => stage(leaf, requests, context)),
    prepare: handlers.unary(async (request, { signal }) => {
      const { onePhase, lockWaitMs } = request;
      return leaf.prepare(redoRecordFromProto(request), { onePhase, lockWaitMs, signal });
    }),
    decide: handlers.unary(async ({ transactionId, decision }) => {
      await leaf.decide(transactionId, decisionFromProto(decision));
      return {};
    }),
    query: handlers.serverStreaming((request, { signal }) => query(leaf, request, signal)),
    getStatus: handlers.unary(async () => ({
      leafId,
      partitions: (await leaf.status()).map(({ id, schemaVersion, preparedTransactions, bytes }) => ({
        partition: id,
        schemaVersion,
        preparedTransactions,
        bytes,
      })),
    })),
  };
}

async function stage(
  leaf: Leaf,
  requests: AsyncIterable<StageRequest>,
  { signal }: CallContext,
): Promise<StageResponse> {
  const iterator = requests[Symbol.asyncIterator]();
  const first = await iterator.next();
  const part = first.done === true ? undefined : first.value.part;
  if (part?.$case !== 'header') throw new MillraceError('INTERNAL', 'a slice must begin with its header');
  const slice = sliceOf(part.header);
  return leaf.stage(slice, chunksOf({ [Symbol.asyncIterator]: () => iterator }, signal));
}

function sliceOf({ transactionId, partition, slice, pipelineId, epoch }: StageHeader) {
  return { transactionId, partition: partitionFromProto(partition), slice, pipelineId, epoch };
}

/** The chunks of a slice. A call that is cancelled ends its stream early, which must not pass for a whole slice. */
async function* chunksOf(
  requests: AsyncIterable<StageRequest>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for await (const { part } of requests) {
    if (part?.$case !== 'chunk') throw new MillraceError('INTERNAL', 'a slice has one header, then chunks');
    yield part.chunk;
  }
  if (signal.aborted) throw new MillraceError('QUERY_KILLED', 'the sender of a slice went away');
}

async function* query(leaf: Leaf, request: QueryRequest, signal: AbortSignal): AsyncGenerator<QueryResponse> {
  const fragment = fragmentFromProto(request);
  if (request.format === ResultFormat.ENGINE) {
    for await (const rows of leaf.queryRows(fragment, signal)) yield engineRowsToProto(rows);
    return;
  }
  const types = request.types.map(typeFromProto);
  for await (const batch of leaf.queryBatches(fragment, types, request.batchRows, signal)) {
    yield { part: { $case: 'batch', batch: batchToProto(batch) } };
  }
}
