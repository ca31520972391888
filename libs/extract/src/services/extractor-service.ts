import {
  type DescribeSourceRequest,
  type DescribeSourceResponse,
  ExtractErrorDetail,
  type ExtractEvent,
  type ExtractorServer,
  ExtractorService,
  type ExtractRequest,
  type PreviewRequest,
  type PreviewResponse,
} from '@millrace/proto/millrace/extractor/v1/extractor';
import type { TransformClient } from '@millrace/proto/millrace/transform/v1/transform';
import type { ChannelPool } from '@millrace/rpc/client';
import { withTrailers } from '@millrace/rpc/error-details';
import type { CallContext, Handlers } from '@millrace/rpc/handlers';
import type { ServiceBinding } from '@millrace/rpc/server';
import { batchToProto, columnToProto } from '@millrace/rpc/values';
import type { BatchEvent, RangeResult } from '../extract-batch.ts';
import type { Extractor } from '../extractor.ts';
import { failureInfoOf } from '../rows/row-errors.ts';
import { batchFromProto, destinationFromProto, sourceFromProto } from './batch-conversion.ts';
import { EventQueue } from './event-queue.ts';

/** Trailing metadata key of a failed Extract or Preview. */
export const extractErrorKey = 'millrace-extract-error-bin';

/** The Extractor service. `runners` are the channels to transform-runners. */
export function extractorService(
  extractor: Extractor,
  runners: ChannelPool<TransformClient>,
  handlers: Handlers,
): ServiceBinding {
  const implementation: ExtractorServer = {
    describeSource: handlers.unary((request, context) => describe(extractor, request, context)),
    extract: handlers.serverStreaming((request, context) => extract(extractor, runners, request, context)),
    preview: handlers.serverStreaming((request, context) => preview(extractor, runners, request, context)),
  };
  return { definition: ExtractorService, implementation };
}

async function describe(
  extractor: Extractor,
  request: DescribeSourceRequest,
  { signal }: CallContext,
): Promise<DescribeSourceResponse> {
  const cursors = new Map(request.cursors.map(({ sourcePartition, offset }) => [sourcePartition, offset]));
  const offsets = await extractor.describe(sourceFromProto(request.source), {
    cursors,
    waitMs: request.waitMs,
    signal,
  });
  return {
    partitions: offsets.map(({ sourcePartition, earliest, latest }) => ({
      sourcePartition,
      earliestOffset: earliest,
      latestOffset: latest,
    })),
  };
}

async function* extract(
  extractor: Extractor,
  runners: ChannelPool<TransformClient>,
  request: ExtractRequest,
  { signal }: CallContext,
): AsyncGenerator<ExtractEvent> {
  const queue = new EventQueue<ExtractEvent>();
  const run = async (): Promise<void> => {
    const batch = batchFromProto(request, runners);
    const emit = (event: BatchEvent) => queue.push(eventToProto(event, request));
    const results = await extractor.extract(batch, destinationFromProto(request), emit, signal);
    queue.push({ event: { $case: 'done', done: { ranges: results.map(resultToProto) } } });
  };
  run().then(
    () => queue.end(),
    (error: unknown) => queue.fail(withErrorDetail(error)),
  );
  yield* queue;
}

async function* preview(
  extractor: Extractor,
  runners: ChannelPool<TransformClient>,
  { extract: request, rowsMax }: PreviewRequest,
  { signal }: CallContext,
): AsyncGenerator<PreviewResponse> {
  const queue = new EventQueue<PreviewResponse>();
  const run = async (): Promise<void> => {
    const batch = batchFromProto(request, runners);
    const columns = batch.plan.columns.map(({ name, type, nullable }) =>
      columnToProto({ name, type, nullable }),
    );
    queue.push({ columns, batch: undefined });
    await extractor.preview(
      batch,
      Number(rowsMax),
      (rows) => queue.push({ columns: [], batch: batchToProto(rows) }),
      signal,
    );
  };
  run().then(
    () => queue.end(),
    (error: unknown) => queue.fail(withErrorDetail(error)),
  );
  yield* queue;
}

function eventToProto(event: BatchEvent, request: ExtractRequest): ExtractEvent {
  if (event.kind === 'slice') return { event: { $case: 'slice', slice: event.slice } };
  const { range, offset, code, message, line, lineNumber } = event.warning;
  const sourcePartition = request.ranges[range]?.sourcePartition ?? '';
  return {
    event: {
      $case: 'warning',
      warning: { sourcePartition, offset, code, message, line, lineNumber: BigInt(lineNumber) },
    },
  };
}

function resultToProto({ range, records, bytes, transformedBytes, rows, seconds }: RangeResult) {
  return {
    sourcePartition: range.sourcePartition,
    beginOffset: range.begin,
    endOffset: range.end,
    records: BigInt(records),
    bytes: BigInt(bytes),
    transformedBytes: BigInt(transformedBytes),
    rows: BigInt(rows),
    seconds,
  };
}

/** Without anything known beside the code, the coordinator judges by the code. */
function withErrorDetail(error: unknown): unknown {
  const info = failureInfoOf(error);
  if (info === undefined || !(error instanceof Error)) return error;
  const detail = {
    ...info,
    line: cut(info.line),
    lineNumber: BigInt(info.lineNumber),
    stdError: cut(info.stdError),
  };
  return withTrailers(error, { [extractErrorKey]: ExtractErrorDetail.encode(detail).finish() });
}

/** Trailing metadata is small by nature. */
function cut(text: string): string {
  return text.length > 2048 ? `${text.slice(0, 2048)}…` : text;
}
