import { MillraceError } from '@millrace/errors/millrace-error';
import type { AlterPipelineClause, PipelineOffsets } from '@millrace/sql/ast/alter-pipeline';
import type { CreatePipeline } from '@millrace/sql/ast/create-pipeline';
import type { SourcePartitionState } from './ports.ts';

/** The definition after ALTER PIPELINE. Pure; SET OFFSETS and DROP PARTITION concern the position, not the definition. */
export function alteredDefinition(
  definition: CreatePipeline,
  clauses: readonly AlterPipelineClause[],
): CreatePipeline {
  return clauses.reduce(withClause, definition);
}

function withClause(definition: CreatePipeline, clause: AlterPipelineClause): CreatePipeline {
  switch (clause.kind) {
    case 'setOffsets':
    case 'dropPartition':
    case 'reloadTransform':
      return definition;
    case 'setConfig':
      return withSourceJson(definition, 'config', clause.key, clause.value);
    case 'setCredentials':
      return withSourceJson(definition, 'credentials', clause.key, clause.value);
    case 'setBatchIntervalMs':
      return { ...definition, batchIntervalMs: clause.value };
    case 'setMaxPartitionsPerBatch':
      return { ...definition, maxPartitionsPerBatch: clause.value };
    case 'setMaxOffsetsPerBatchPartition':
      return { ...definition, maxOffsetsPerBatchPartition: clause.value };
    case 'setMaxRetriesPerBatchPartition':
      return { ...definition, maxRetriesPerBatchPartition: clause.value };
    case 'setTransform':
      return { ...definition, transform: clause.transform };
    case 'outOfOrderOptimization':
      return { ...definition, outOfOrderOptimization: clause.enabled };
    case 'offsetsMetadataGc':
      return { ...definition, offsetsMetadataGc: clause.enabled };
    case 'stopOnError':
      return { ...definition, stopOnError: clause.mode === 'none' ? undefined : clause.mode === 'on' };
    case 'setRetryOptions':
    case 'setResourcePool':
    case 'dropFile':
    case 'dropOrphanFiles':
    case 'dropOrphanPartitions':
      throw new MillraceError('SQL_UNSUPPORTED', 'this clause of ALTER PIPELINE is not supported yet');
  }
}

function withSourceJson(
  definition: CreatePipeline,
  part: 'config' | 'credentials',
  key: string | undefined,
  value: string,
): CreatePipeline {
  const { source } = definition;
  if (source.kind === 'link')
    throw new MillraceError('PIPELINE_DEFINITION', 'a LINK source has no CONFIG of its own');
  if (key === undefined) return { ...definition, source: { ...source, [part]: value } };
  const before: unknown = JSON.parse(source[part] ?? '{}');
  const merged = { ...(typeof before === 'object' ? before : {}), [key]: value };
  return { ...definition, source: { ...source, [part]: JSON.stringify(merged) } };
}

/**
 * The offsets that SET OFFSETS gives, by source partition. JSON is `{"<partition>": <offset>}`; offsets may be written as
 * strings, to stay exact. Throws PIPELINE_DEFINITION or OFFSET_OUT_OF_RANGE.
 */
export function offsetsOf(
  offsets: PipelineOffsets,
  topic: string,
  available: readonly SourcePartitionState[],
): Map<string, bigint> {
  if (offsets.kind !== 'json') {
    const earliest = offsets.kind === 'earliest';
    return new Map(
      available.map((each) => [each.sourcePartition, earliest ? each.earliestOffset : each.latestOffset]),
    );
  }
  const known = new Map(available.map((each) => [each.sourcePartition, each]));
  return new Map(
    offsetEntries(offsets.text).map(([sourcePartition, offset]) => {
      const partition = known.get(sourcePartition);
      if (partition === undefined) {
        throw new MillraceError('PIPELINE_DEFINITION', `topic ${topic} has no partition ${sourcePartition}`);
      }
      if (offset < partition.earliestOffset || offset > partition.latestOffset) {
        throw new MillraceError(
          'OFFSET_OUT_OF_RANGE',
          `topic ${topic} partition ${sourcePartition}: offset ${offset} was asked for, ` +
            `but the source has offsets ${partition.earliestOffset} to ${partition.latestOffset} (exclusive)`,
        );
      }
      return [sourcePartition, offset];
    }),
  );
}

function offsetEntries(text: string): [string, bigint][] {
  const wrong = new MillraceError(
    'PIPELINE_DEFINITION',
    `SET OFFSETS takes '{"<partition>": <offset>, …}', not '${text}'`,
  );
  let parsed: unknown;
  try {
    // Digits are quoted first: offsets beyond 2^53 would lose digits as JSON numbers.
    parsed = JSON.parse(text.replace(/:\s*(\d+)/g, ':"$1"'));
  } catch {
    throw wrong;
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw wrong;
  return Object.entries(parsed).map(([partition, offset]) => {
    if (typeof offset !== 'string' || !/^\d{1,19}$/.test(offset)) throw wrong;
    return [partition, BigInt(offset)];
  });
}
