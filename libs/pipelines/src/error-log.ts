import type { CatalogStore } from '@millrace/catalog/catalog-store';
import type { PipelineErrorRecord } from '@millrace/catalog/definitions';
import { type ErrorCode, errorCodes } from '@millrace/errors/codes';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { Logger } from '@millrace/runtime/logger';
import { rangesText } from './batch/load-failure.ts';
import { hostAndPort } from './batch/partition-record.ts';
import type { PipelineMetrics } from './metrics.ts';
import type { Clock, ExtractorClients, RowWarningReport, SourceRangeSpec } from './ports.ts';

/** Error rows kept of one pipeline. */
const errorsMax = 10_000;

/** The batch that an error belongs to. */
export interface FailedBatch {
  readonly batchId: bigint;
  readonly topic: string;
  readonly ranges: readonly SourceRangeSpec[];
  /** Addresses of the extractors, by source partition. */
  readonly readers: ReadonlyMap<string, string>;
}

export interface ErrorLogContext {
  readonly catalog: CatalogStore;
  readonly extractors: Pick<ExtractorClients, 'failureOf'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<PipelineMetrics, 'errors'>;
}

/** The pipeline whose errors a log takes. */
export interface ErrorLogPipeline {
  readonly id: bigint;
  readonly name: string;
  readonly databaseName: string;
}

/** Wraps an error that already stands in PIPELINES_ERRORS, so that nobody records it twice. */
export class RecordedError extends Error {
  constructor(cause: unknown) {
    super('recorded', { cause });
  }
}

/** Writes PIPELINES_ERRORS of one pipeline. */
export class ErrorLog {
  readonly #context: ErrorLogContext;
  readonly #pipeline: ErrorLogPipeline;

  constructor(context: ErrorLogContext, pipeline: ErrorLogPipeline) {
    this.#context = context;
    this.#pipeline = pipeline;
  }

  /**
   * Records a failure and returns the source partition it names, if any. Never throws: where the catalog takes no error
   * (its disk is full, the pipeline has just gone with its database) the log has it alone.
   */
  record(error: unknown, batch: FailedBatch | null): string | null {
    const { clock, logger, extractors } = this.#context;
    const failure = extractors.failureOf(error);
    if (!(error instanceof MillraceError)) logger.error('bug: unexpected error in a pipeline', { error });
    logger.warn('batch attempt failed', { error: messageOf(error), batch: batch?.batchId });
    try {
      this.#add([
        {
          pipelineId: this.#pipeline.id,
          at: clock.nowSeconds(),
          type: 'Error',
          code: error instanceof MillraceError ? error.mysqlNumber : 1815,
          message: messageOf(error),
          kind: failure?.kind ?? kindOf(error),
          stdError: failure?.stdError ?? null,
          loadDataLine: failure?.line ?? null,
          loadDataLineNumber: failure?.lineNumber ?? null,
          ...this.#place(batch, failure?.sourcePartition ?? null),
        },
      ]);
    } catch (cause) {
      logger.error('an error of a pipeline cannot be stored', { error: cause });
    }
    return failure?.sourcePartition ?? null;
  }

  /** Records the rows that a batch left out. Call inside the transaction that decides the batch. */
  recordWarnings(warnings: readonly RowWarningReport[], batch: FailedBatch): void {
    const at = this.#context.clock.nowSeconds();
    const rows = warnings.map(
      (warning): Omit<PipelineErrorRecord, 'errorId'> => ({
        pipelineId: this.#pipeline.id,
        at,
        type: 'Warning',
        code: mysqlNumberOf(warning.code),
        message: warning.message,
        kind: 'Load',
        stdError: null,
        loadDataLine: warning.line,
        loadDataLineNumber: warning.lineNumber,
        ...this.#place(batch, warning.sourcePartition),
      }),
    );
    if (rows.length > 0) this.#add(rows);
  }

  /** Records that leaves left out rows whose keys exist. Call inside the transaction that decides the batch. */
  recordSkipped(rows: bigint, batch: FailedBatch): void {
    const { topic } = batch;
    this.#add([
      {
        pipelineId: this.#pipeline.id,
        at: this.#context.clock.nowSeconds(),
        type: 'Warning',
        code: errorCodes.DUPLICATE_KEY.mysqlNumber,
        message: `${rangesText(topic, batch.ranges)}: ${rows} rows with a duplicate key were left out`,
        kind: 'Load',
        stdError: null,
        loadDataLine: null,
        loadDataLineNumber: null,
        ...this.#place(batch, null),
      },
    ]);
  }

  #add(rows: readonly Omit<PipelineErrorRecord, 'errorId'>[]): void {
    const { catalog, metrics } = this.#context;
    catalog.pipelines.addErrors(rows, errorsMax);
    metrics.errors(rows.length, { database: this.#pipeline.databaseName, pipeline: this.#pipeline.name });
  }

  #place(
    batch: FailedBatch | null,
    sourcePartition: string | null,
  ): Pick<
    PipelineErrorRecord,
    'batchId' | 'sourcePartition' | 'earliestOffset' | 'latestOffset' | 'host' | 'port' | 'partition'
  > {
    const ranges = batch?.ranges ?? [];
    const named = ranges.find((each) => each.sourcePartition === sourcePartition);
    const range = named ?? (ranges.length === 1 ? ranges[0] : undefined);
    return {
      batchId: batch?.batchId ?? null,
      sourcePartition: range?.sourcePartition ?? sourcePartition,
      earliestOffset: range?.beginOffset ?? null,
      latestOffset: range?.endOffset ?? null,
      ...hostAndPort(range === undefined ? undefined : batch?.readers.get(range.sourcePartition)),
      partition: null,
    };
  }
}

/** The extractor sends the code's name; one of a newer extractor may be unknown here. */
function mysqlNumberOf(code: string): number {
  return code in errorCodes ? errorCodes[code as ErrorCode].mysqlNumber : errorCodes.ROW_PARSE.mysqlNumber;
}

function messageOf(error: unknown): string {
  if (!(error instanceof MillraceError))
    return `internal error: ${error instanceof Error ? error.message : String(error)}`;
  return error.detail === undefined ? error.message : `${error.message} (${error.detail})`;
}

function kindOf(error: unknown): PipelineErrorRecord['kind'] {
  if (!(error instanceof MillraceError)) return 'Internal';
  switch (error.code) {
    case 'SOURCE_UNREACHABLE':
    case 'SOURCE_AUTHENTICATION':
    case 'TOPIC_UNKNOWN':
    case 'OFFSET_OUT_OF_RANGE':
    case 'RECORD_CORRUPT':
    case 'RECORD_FORMAT':
    case 'EXTRACTOR_UNAVAILABLE':
      return 'Extract';
    case 'TRANSFORM_FAILED':
    case 'TRANSFORM_LIMIT':
    case 'RUNNER_UNAVAILABLE':
      return 'Transform';
    case 'INTERNAL':
      return 'Internal';
    default:
      return 'Load';
  }
}
