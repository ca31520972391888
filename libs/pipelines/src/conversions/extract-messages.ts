import type { FieldTarget, PipelineShape } from '@millrace/planner/pipeline-shape';
import {
  BadRows,
  type ExtractRequest,
  type MappedField,
  type Shape,
  type Source,
  type SourcePartition,
} from '@millrace/proto/millrace/extractor/v1/extractor';
import { tableToProto } from '@millrace/rpc/schema';
import { valueToProto } from '@millrace/rpc/values';
import type { ExtractOrder, PipelineSourceSpec, SourcePartitionState } from '../ports.ts';

/** Orders to an extractor as protobuf messages. */

export function sourceToProto(source: PipelineSourceSpec): Source {
  const { type, brokers, topic, config, credentials } = source;
  return { type, brokers, topic, config: { ...config }, credentials: { ...credentials } };
}

export function partitionFromProto(partition: SourcePartition): SourcePartitionState {
  const { sourcePartition, earliestOffset, latestOffset } = partition;
  return { sourcePartition, earliestOffset, latestOffset };
}

export function extractToProto(order: ExtractOrder): ExtractRequest {
  const { source, ranges, shape, table, targets, ...rest } = order;
  return {
    ...rest,
    source: sourceToProto(source),
    ranges: ranges.map(({ sourcePartition, beginOffset, endOffset }) => ({
      sourcePartition,
      beginOffset,
      endOffset,
    })),
    shape: shapeToProto(shape),
    table: tableToProto(table),
    targets: targets.map(({ ordinal, leafAddress }) => ({ ordinal, leafAddress })),
  };
}

function shapeToProto(shape: PipelineShape): Shape {
  return {
    format: formatToProto(shape),
    fields: shape.fields.map(fieldToProto),
    set: shape.set.map(({ column, expression }) => ({ column, expression })),
    where: shape.where,
    onParseError: shape.skipParseErrors ? BadRows.SKIP : BadRows.FAIL,
    onConstraintError: shape.skipConstraintErrors ? BadRows.SKIP : BadRows.FAIL,
    transform: shape.transform === undefined ? undefined : { ...shape.transform },
    defaults: shape.defaults.map(({ column, expression }) => ({ column, expression })),
  };
}

function formatToProto({ format }: PipelineShape): Shape['format'] {
  if (format.kind === 'json') return { $case: 'json', json: {} };
  return {
    $case: 'csv',
    csv: {
      fieldsTerminatedBy: format.fieldsTerminatedBy,
      fieldsEnclosedBy: format.enclosedBy,
      fieldsOptionallyEnclosed: format.optionallyEnclosed,
      fieldsEscapedBy: format.escapedBy,
      linesTerminatedBy: format.linesTerminatedBy,
      linesStartingBy: format.linesStartingBy,
      trailingNullcols: format.trailingNullcols,
      hasNullDefinedBy: format.nullDefinedBy !== undefined,
      nullDefinedBy: format.nullDefinedBy ?? '',
      nullOptionallyEnclosed: format.nullOptionallyEnclosed,
      ignoreLines: Number(format.ignoreLines),
    },
  };
}

function fieldToProto(field: PipelineShape['fields'][number]): MappedField {
  return {
    target: targetToProto(field.target),
    path: [...field.path],
    hasDefault: field.default !== undefined,
    default: field.default === undefined ? undefined : valueToProto(field.default),
  };
}

function targetToProto(target: FieldTarget): MappedField['target'] {
  switch (target.kind) {
    case 'column':
      return { $case: 'column', column: target.name };
    case 'variable':
      return { $case: 'variable', variable: target.name };
    case 'discard':
      return { $case: 'discard', discard: true };
  }
}
