import fc from 'fast-check';
import type { AlterPipeline, AlterPipelineClause } from '../ast/alter-pipeline.ts';
import type {
  CreatePipeline,
  FieldMapping,
  FieldTarget,
  PipelineFormat,
  PipelineSource,
} from '../ast/create-pipeline.ts';
import type { Expression } from '../ast/expression.ts';
import type { Assignment } from '../ast/insert.ts';
import { name, objectName, optional, position, some, text, unsigned, word } from './arbitrary-expression.ts';

const fieldTarget: fc.Arbitrary<FieldTarget> = fc.oneof(
  fc.record({ kind: fc.constantFrom('column', 'variable'), name, position }),
  fc.record({ kind: fc.constant('discard'), position }),
);

const source: fc.Arbitrary<PipelineSource> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('kafka', 's3', 'fs', 'azure', 'hdfs', 'gcs'),
    location: text,
    config: optional(text),
    credentials: optional(text),
    position,
  }),
  fc.record({ kind: fc.constant('link'), link: objectName, location: text, position }),
);

const transform = fc.record({ uri: text, executable: text, arguments: text, position });

function arbitraryMappings(fallback: fc.Arbitrary<Expression | undefined>): fc.Arbitrary<FieldMapping[]> {
  const mapping = fc.record({
    target: fieldTarget,
    path: fc.array(name, { maxLength: 2 }),
    default: fallback,
  });
  return fc.array(mapping, { maxLength: 2 });
}

function arbitraryFormat(expression: fc.Arbitrary<Expression>): fc.Arbitrary<PipelineFormat> {
  const character = fc.oneof(fc.constant(''), fc.string({ minLength: 1, maxLength: 1, unit: 'binary' }));
  const mappings = arbitraryMappings(optional(expression));
  const plainMappings = arbitraryMappings(fc.constant(undefined));
  return fc.oneof(
    fc
      .record({
        kind: fc.constant('csv' as const),
        fieldsTerminatedBy: text,
        enclosedBy: character,
        optionallyEnclosed: fc.boolean(),
        escapedBy: character,
        linesTerminatedBy: text,
        linesStartingBy: text,
        trailingNullcols: fc.boolean(),
        nullDefinedBy: optional(text),
        nullOptionallyEnclosed: fc.boolean(),
        ignoreLines: unsigned,
        characterSet: optional(word),
        fields: fc.array(fieldTarget, { maxLength: 2 }),
      })
      .map((csv) => ({
        ...csv,
        nullOptionallyEnclosed: csv.nullOptionallyEnclosed && csv.nullDefinedBy !== undefined,
      })),
    fc.record({ kind: fc.constant('json'), mappings, kafkaKey: mappings }),
    fc.record({
      kind: fc.constant('avro'),
      schemaRegistry: optional(text),
      schema: optional(text),
      mappings: plainMappings,
      kafkaKey: plainMappings,
    }),
    fc.record({ kind: fc.constant('parquet'), mappings, timezone: optional(text) }),
  );
}

export function arbitraryCreatePipeline(
  expression: fc.Arbitrary<Expression>,
  assignments: fc.Arbitrary<Assignment[]>,
): fc.Arbitrary<CreatePipeline> {
  return fc.record({
    kind: fc.constant('createPipeline'),
    orReplace: fc.boolean(),
    ifNotExists: fc.boolean(),
    aggregator: fc.boolean(),
    force: fc.boolean(),
    name: objectName,
    source,
    batchIntervalMs: optional(unsigned),
    maxPartitionsPerBatch: optional(unsigned),
    maxRetriesPerBatchPartition: optional(unsigned),
    maxOffsetsPerBatchPartition: optional(unsigned),
    resourcePool: optional(name),
    outOfOrderOptimization: optional(fc.boolean()),
    offsetsMetadataGc: optional(fc.boolean()),
    transform: optional(transform),
    retryOptions: optional(text),
    conflictHandling: optional(
      fc.constantFrom('replace', 'ignore', 'skipAll', 'skipConstraint', 'skipDuplicateKey', 'skipParser'),
    ),
    stopOnError: optional(fc.boolean()),
    target: fc.record({ kind: fc.constantFrom('table', 'procedure'), name: objectName }),
    format: arbitraryFormat(expression),
    assignments,
    where: optional(expression),
    onDuplicateKeyUpdate: assignments,
    position,
  });
}

const alterClause: fc.Arbitrary<AlterPipelineClause> = fc.oneof(
  fc.record({
    kind: fc.constant('setOffsets'),
    offsets: fc.oneof(
      fc.record({ kind: fc.constantFrom('earliest', 'latest') }),
      fc.record({ kind: fc.constant('json'), text }),
    ),
    position,
  }),
  fc.record({
    kind: fc.constantFrom('setConfig', 'setCredentials', 'setRetryOptions'),
    key: optional(name),
    value: text,
    position,
  }),
  fc.record({
    kind: fc.constantFrom(
      'setBatchIntervalMs',
      'setMaxPartitionsPerBatch',
      'setMaxOffsetsPerBatchPartition',
      'setMaxRetriesPerBatchPartition',
    ),
    value: unsigned,
    position,
  }),
  fc.record({ kind: fc.constant('setResourcePool'), pool: name, position }),
  fc.record({ kind: fc.constant('setTransform'), transform, position }),
  fc.record({
    kind: fc.constantFrom('outOfOrderOptimization', 'offsetsMetadataGc'),
    enabled: fc.boolean(),
    position,
  }),
  fc.record({ kind: fc.constant('stopOnError'), mode: fc.constantFrom('on', 'off', 'none'), position }),
  fc.record({
    kind: fc.constantFrom('reloadTransform', 'dropOrphanFiles', 'dropOrphanPartitions'),
    position,
  }),
  fc.record({ kind: fc.constant('dropFile'), file: text, position }),
  fc.record({ kind: fc.constant('dropPartition'), partition: text, position }),
);

export const alterPipeline: fc.Arbitrary<AlterPipeline> = fc.record({
  kind: fc.constant('alterPipeline'),
  name: objectName,
  clauses: some(alterClause),
  position,
});
