import type { PipelineRecord } from '@millrace/catalog/definitions';
import type { ConflictHandling, CreatePipeline, FieldTarget } from '@millrace/sql/ast/create-pipeline';
import { pipelineDefaults } from './pipeline-spec.ts';

const duplicatePolicies: Record<ConflictHandling, string | null> = {
  replace: 'replace',
  ignore: 'skip',
  skipAll: 'skip',
  skipConstraint: 'skip',
  skipDuplicateKey: 'skip',
  skipParser: null,
};

/** CONFIG_JSON of information_schema.PIPELINES (memsql-reference section 3). Credentials must be redacted before. */
export function configJsonOf(record: PipelineRecord, definition: CreatePipeline): string {
  const { source, transform, format, conflictHandling, target } = definition;
  const csv = format.kind === 'csv' ? format : undefined;
  return JSON.stringify({
    name: record.name,
    source_type: source.kind.toUpperCase(),
    connection_string: source.location,
    config: source.kind === 'link' ? null : (source.config ?? null),
    credentials: source.kind === 'link' ? null : (source.credentials ?? null),
    batch_interval: Number(definition.batchIntervalMs ?? pipelineDefaults.batchIntervalMs),
    max_partitions_per_batch:
      definition.maxPartitionsPerBatch === undefined ? null : Number(definition.maxPartitionsPerBatch),
    transform: transform === undefined ? null : [transform.uri, transform.executable, transform.arguments],
    dup_key_policy: conflictHandling === undefined ? null : duplicatePolicies[conflictHandling],
    table: target.name.name,
    format: format.kind,
    fields_terminated_by: csv?.fieldsTerminatedBy ?? null,
    fields_enclosed_by: csv?.enclosedBy ?? null,
    fields_escaped_by: csv?.escapedBy ?? null,
    lines_terminated_by: csv?.linesTerminatedBy ?? null,
    lines_starting_by: csv?.linesStartingBy ?? null,
    column_list: columnsOf(definition),
    running: record.state === 'Running',
  });
}

function columnsOf({ format }: CreatePipeline): string[] | null {
  const targets = format.kind === 'csv' ? format.fields : format.mappings.map((mapping) => mapping.target);
  return targets.length === 0 ? null : targets.map(nameOf);
}

function nameOf(target: FieldTarget): string {
  switch (target.kind) {
    case 'column':
      return target.name;
    case 'variable':
      return `@${target.name}`;
    case 'discard':
      return '@';
  }
}
