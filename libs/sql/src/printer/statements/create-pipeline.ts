import type {
  ConflictHandling,
  CreatePipeline,
  PipelineSource,
  PipelineTransform,
} from '../../ast/create-pipeline.ts';
import { printExpression } from '../expression.ts';
import { printPipelineFormat } from '../pipeline-format.ts';
import { parenthesize, printObjectName, quoteIdentifier, quoteString } from '../quote.ts';
import { printAssignments } from './dml.ts';

/** The definition of a pipeline, one clause a line, in the order and form of SHOW CREATE PIPELINE. */
export function printCreatePipeline(pipeline: CreatePipeline): string {
  const { target, format, assignments, where, onDuplicateKeyUpdate } = pipeline;
  const tableName = target.kind === 'table' ? target.name.name : undefined;
  const lines = [
    printHead(pipeline),
    `AS LOAD DATA ${printPipelineSource(pipeline.source)}`,
    ...printOptions(pipeline),
    `INTO ${target.kind.toUpperCase()} ${printObjectName(target.name)}`,
    ...printPipelineFormat(format, tableName),
  ];
  if (assignments.length > 0) lines.push(`SET ${printAssignments(assignments)}`);
  if (where !== undefined) lines.push(`WHERE ${printExpression(where)}`);
  if (onDuplicateKeyUpdate.length > 0)
    lines.push(`ON DUPLICATE KEY UPDATE ${printAssignments(onDuplicateKeyUpdate)}`);
  return lines.join('\n');
}

function printHead({ orReplace, aggregator, ifNotExists, name, force }: CreatePipeline): string {
  const words = ['CREATE'];
  if (orReplace) words.push('OR REPLACE');
  if (aggregator) words.push('AGGREGATOR');
  words.push('PIPELINE');
  if (ifNotExists) words.push('IF NOT EXISTS');
  words.push(printObjectName(name));
  if (force) words.push('FORCE');
  return words.join(' ');
}

function printPipelineSource(source: PipelineSource): string {
  if (source.kind === 'link') return `LINK ${printObjectName(source.link)} ${quoteString(source.location)}`;
  const lines = [`${source.kind.toUpperCase()} ${quoteString(source.location)}`];
  if (source.config !== undefined) lines.push(`CONFIG ${quoteString(source.config)}`);
  if (source.credentials !== undefined) lines.push(`CREDENTIALS ${quoteString(source.credentials)}`);
  return lines.join('\n');
}

const conflictClauses = {
  replace: 'REPLACE',
  ignore: 'IGNORE',
  skipAll: 'SKIP ALL ERRORS',
  skipConstraint: 'SKIP CONSTRAINT ERRORS',
  skipDuplicateKey: 'SKIP DUPLICATE KEY ERRORS',
  skipParser: 'SKIP PARSER ERRORS',
} as const satisfies Record<ConflictHandling, string>;

function printOptions(pipeline: CreatePipeline): string[] {
  const lines: string[] = [];
  const add = <Value>(value: Value | undefined, print: (value: Value) => string): void => {
    if (value !== undefined) lines.push(print(value));
  };
  add(pipeline.batchIntervalMs, (value) => `BATCH_INTERVAL ${value}`);
  add(pipeline.maxPartitionsPerBatch, (value) => `MAX_PARTITIONS_PER_BATCH ${value}`);
  add(pipeline.maxRetriesPerBatchPartition, (value) => `MAX_RETRIES_PER_BATCH_PARTITION ${value}`);
  add(pipeline.maxOffsetsPerBatchPartition, (value) => `MAX_OFFSETS_PER_BATCH_PARTITION ${value}`);
  add(pipeline.resourcePool, (value) => `RESOURCE POOL ${quoteIdentifier(value)}`);
  add(pipeline.outOfOrderOptimization, (value) => `${printSwitch(value)} OUT_OF_ORDER OPTIMIZATION`);
  add(pipeline.offsetsMetadataGc, (value) => `${printSwitch(value)} OFFSETS METADATA GC`);
  add(pipeline.transform, (value) => `WITH TRANSFORM ${printPipelineTransform(value)}`);
  add(pipeline.retryOptions, (value) => `RETRY_OPTIONS ${quoteString(value)}`);
  add(pipeline.conflictHandling, (value) => conflictClauses[value]);
  add(pipeline.stopOnError, (value) => `STOP_ON_ERROR ${value ? 'ON' : 'OFF'}`);
  return lines;
}

export function printSwitch(enabled: boolean): string {
  return enabled ? 'ENABLE' : 'DISABLE';
}

export function printPipelineTransform({
  uri,
  executable,
  arguments: argumentText,
}: PipelineTransform): string {
  return parenthesize([uri, executable, argumentText].map(quoteString));
}
