import type { Expression } from './expression.ts';
import type { Assignment } from './insert.ts';
import type { ObjectName, Positioned } from './node.ts';

/**
 * `CREATE [OR REPLACE] [AGGREGATOR] PIPELINE [IF NOT EXISTS] name [FORCE] AS LOAD DATA …`. Only the grammar is checked;
 * which combinations make sense is decided when the pipeline is created.
 */
export interface CreatePipeline extends Positioned {
  readonly kind: 'createPipeline';
  readonly orReplace: boolean;
  readonly ifNotExists: boolean;
  readonly aggregator: boolean;
  readonly force: boolean;
  readonly name: ObjectName;
  readonly source: PipelineSource;
  readonly batchIntervalMs: bigint | undefined;
  readonly maxPartitionsPerBatch: bigint | undefined;
  readonly maxRetriesPerBatchPartition: bigint | undefined;
  readonly maxOffsetsPerBatchPartition: bigint | undefined;
  readonly resourcePool: string | undefined;
  readonly outOfOrderOptimization: boolean | undefined;
  readonly offsetsMetadataGc: boolean | undefined;
  readonly transform: PipelineTransform | undefined;
  /** JSON text. */
  readonly retryOptions: string | undefined;
  readonly conflictHandling: ConflictHandling | undefined;
  readonly stopOnError: boolean | undefined;
  readonly target: PipelineTarget;
  readonly format: PipelineFormat;
  /** SET: the left sides are unqualified columns, user variables on the right are fields of the record. */
  readonly assignments: readonly Assignment[];
  readonly where: Expression | undefined;
  readonly onDuplicateKeyUpdate: readonly Assignment[];
}

/** The pipeline with its credentials replaced, and passwords in its CONFIG too, fit to be shown and logged. */
export function redactCredentials(pipeline: CreatePipeline): CreatePipeline {
  const { source } = pipeline;
  if (source.kind === 'link') return pipeline;
  const credentials = source.credentials === undefined ? undefined : '<CREDENTIALS REDACTED>';
  return { ...pipeline, source: { ...source, credentials, config: redactedConfig(source.config) } };
}

const secretKey = /password|secret|token/i;

function redactedConfig(config: string | undefined): string | undefined {
  if (config === undefined || !secretKey.test(config)) return config;
  const isSecret = (key: string, value: unknown) => secretKey.test(key) && typeof value !== 'object';
  try {
    return JSON.stringify(
      JSON.parse(config, (key, value: unknown) => (isSecret(key, value) ? '<REDACTED>' : value)),
    );
  } catch {
    return '<REDACTED>';
  }
}

export type ConflictHandling =
  | 'replace'
  | 'ignore'
  | 'skipAll'
  | 'skipConstraint'
  | 'skipDuplicateKey'
  | 'skipParser';

export type PipelineSource =
  | {
      readonly kind: 'kafka' | 's3' | 'fs' | 'azure' | 'hdfs' | 'gcs';
      /** As written: `host[:port][,host[:port]…]/topic` for Kafka, a path for the others. */
      readonly location: string;
      /** JSON text. */
      readonly config: string | undefined;
      /** JSON text. Secret: never log or show it. */
      readonly credentials: string | undefined;
      readonly position: number;
    }
  | {
      readonly kind: 'link';
      readonly link: ObjectName;
      readonly location: string;
      readonly position: number;
    };

/** `WITH TRANSFORM ('uri', 'executable', 'arguments')`. */
export interface PipelineTransform extends Positioned {
  readonly uri: string;
  readonly executable: string;
  readonly arguments: string;
}

export interface PipelineTarget {
  readonly kind: 'table' | 'procedure';
  readonly name: ObjectName;
}

export type PipelineFormat = CsvFormat | JsonFormat | AvroFormat | ParquetFormat;

/** FORMAT CSV, which is the default; clauses that were not written have the server's defaults. */
export interface CsvFormat {
  readonly kind: 'csv';
  readonly fieldsTerminatedBy: string;
  /** One character or empty. */
  readonly enclosedBy: string;
  readonly optionallyEnclosed: boolean;
  /** One character or empty. */
  readonly escapedBy: string;
  readonly linesTerminatedBy: string;
  readonly linesStartingBy: string;
  readonly trailingNullcols: boolean;
  /** NULL DEFINED BY. */
  readonly nullDefinedBy: string | undefined;
  /** NULL DEFINED BY … OPTIONALLY ENCLOSED: quoted fields count too. */
  readonly nullOptionallyEnclosed: boolean;
  readonly ignoreLines: bigint;
  readonly characterSet: string | undefined;
  /** Empty: every column of the table, in its order. */
  readonly fields: readonly FieldTarget[];
}

/** The settings of {@link CsvFormat} when no clause is written (tab-separated values). */
export const csvFormatDefaults: CsvFormat = {
  kind: 'csv',
  fieldsTerminatedBy: '\t',
  enclosedBy: '',
  optionallyEnclosed: false,
  escapedBy: '\\',
  linesTerminatedBy: '\n',
  linesStartingBy: '',
  trailingNullcols: false,
  nullDefinedBy: undefined,
  nullOptionallyEnclosed: false,
  ignoreLines: 0n,
  characterSet: undefined,
  fields: [],
};

export interface JsonFormat {
  readonly kind: 'json';
  readonly mappings: readonly FieldMapping[];
  /** KAFKA KEY (…): mappings of the message key. */
  readonly kafkaKey: readonly FieldMapping[];
}

export interface AvroFormat {
  readonly kind: 'avro';
  readonly schemaRegistry: string | undefined;
  /** JSON text. */
  readonly schema: string | undefined;
  readonly mappings: readonly FieldMapping[];
  readonly kafkaKey: readonly FieldMapping[];
}

export interface ParquetFormat {
  readonly kind: 'parquet';
  readonly mappings: readonly FieldMapping[];
  readonly timezone: string | undefined;
}

/** Where one field goes: a column (a table qualifier in the text is dropped), `@variable`, or a bare `@` to discard it. */
export type FieldTarget =
  | { readonly kind: 'column' | 'variable'; readonly name: string; readonly position: number }
  | { readonly kind: 'discard'; readonly position: number };

/** `target <- path [DEFAULT literal]`. */
export interface FieldMapping {
  readonly target: FieldTarget;
  /** Keys from the root; empty: `%`, the whole value. */
  readonly path: readonly string[];
  /** A literal or signed number, used when the path is missing. */
  readonly default: Expression | undefined;
}
