import { MillraceError } from '@millrace/errors/millrace-error';
import type { ExtractRequest, Source } from '@millrace/proto/millrace/extractor/v1/extractor';
import type { TransformClient } from '@millrace/proto/millrace/transform/v1/transform';
import type { ChannelPool } from '@millrace/rpc/client';
import type { SliceDestination, SlicePartition } from '../delivery/slice-target.ts';
import type { ExtractorBatch } from '../extractor.ts';
import type { SourceSettings } from '../sources/source-cache.ts';
import { planFromProto } from './plan-conversion.ts';
import { transformClient } from './transform-client.ts';

export function sourceFromProto(source: Source | undefined): SourceSettings {
  if (source === undefined) throw malformed('source');
  return source;
}

/**
 * @throws MillraceError PACKET_MALFORMED for a request that lacks a part, or what `planFromProto` throws.
 */
export function batchFromProto(
  request: ExtractRequest | undefined,
  runners: ChannelPool<TransformClient>,
): ExtractorBatch {
  if (request?.shape === undefined) throw malformed('shape');
  if (request.table === undefined) throw malformed('table');
  const source = sourceFromProto(request.source);
  const { transform } = request.shape;
  if (transform !== undefined && request.runnerAddress === '') throw malformed('transform-runner');
  return {
    batchId: request.batchId,
    topic: source.topic,
    ranges: request.ranges.map(({ sourcePartition, beginOffset, endOffset }) => ({
      sourcePartition,
      begin: beginOffset,
      end: endOffset,
    })),
    plan: planFromProto(request.shape, request.table),
    transform,
    source,
    runTransform: transformClient(runners, request.runnerAddress),
  };
}

/** Where the slices go. Targets with one ordinal are copies of one partition. */
export function destinationFromProto(request: ExtractRequest): SliceDestination {
  const addresses = new Map<number, string[]>();
  for (const { ordinal, leafAddress } of request.targets) {
    const known = addresses.get(ordinal);
    if (known === undefined) addresses.set(ordinal, [leafAddress]);
    else known.push(leafAddress);
  }
  const partitions: SlicePartition[] = [...addresses]
    .sort(([left], [right]) => left - right)
    .map(([ordinal, leafAddresses]) => ({ ordinal, leafAddresses }));
  if (partitions.length === 0) throw malformed('target');
  if (partitions.some(({ ordinal }, index) => partitions.length > 1 && ordinal !== index)) {
    throw new MillraceError('INTERNAL', 'an extract request must name every partition of the table once');
  }
  return {
    transactionId: request.transactionId,
    databaseId: request.databaseId,
    tableId: request.table?.tableId ?? 0n,
    pipelineId: request.pipelineId,
    epoch: request.epoch,
    slicePrefix: request.slicePrefix,
    partitions,
  };
}

function malformed(part: string): MillraceError {
  return new MillraceError('PACKET_MALFORMED', `the extract request has no ${part}`);
}
