import type { CatalogStore } from '@millrace/catalog/catalog-store';
import type { PipelineErrorRecord } from '@millrace/catalog/definitions';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { Logger } from '@millrace/runtime/logger';
import type { Clock, ExtractorClients, RowWarningReport, SourceRangeSpec } from './ports.ts';

/** Error rows kept of one pipeline. */
const errorsMax = 10_000;

/** The batch that an error belongs to. */
export interface FailedBatch {
  readonly batchId: bigint;
  readonly ranges: readonly SourceRangeSpec[];
}

export interface ErrorLogContext {
  readonly catalog: CatalogStore;
  readonly extractors: Pick<ExtractorClients, 'failureOf'>;
  readonly clock: Clock;
  readonly logger: Logger;
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
  readonly #pipelineId: bigint;

  constructor(context: ErrorLogContext, pipelineId: bigint) {
    this.#context = context;
    this.#pipelineId = pipelineId;
  }

  /** Records a failure and returns the source partition it names, if any. */
  record(error: unknown, batch: FailedBatch | null): string | null {
    const { catalog, clock, logger, extractors } = this.#context;
    const failure = extractors.failureOf(error);
    if (!(error instanceof MillraceError)) logger.error('bug: unexpected error in a pipeline', { error });
    catalog.pipelines.addErrors(
      [
        {
          pipelineId: this.#pipelineId,
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
      ],
      errorsMax,
    );
    logger.warn('batch attempt failed', { error: messageOf(error), batch: batch?.batchId });
    return failure?.sourcePartition ?? null;
  }

  /** Records the rows that a batch left out. Call inside the transaction that decides the batch. */
  recordWarnings(warnings: readonly RowWarningReport[], batch: FailedBatch): void {
    const { catalog, clock } = this.#context;
    const at = clock.nowSeconds();
    const rows = warnings.map(
      (warning): Omit<PipelineErrorRecord, 'errorId'> => ({
        pipelineId: this.#pipelineId,
        at,
        type: 'Warning',
        code: new MillraceError('ROW_PARSE', '').mysqlNumber,
        message: warning.message,
        kind: 'Load',
        stdError: null,
        loadDataLine: warning.line,
        loadDataLineNumber: warning.lineNumber,
        ...this.#place(batch, warning.sourcePartition),
      }),
    );
    if (rows.length > 0) catalog.pipelines.addErrors(rows, errorsMax);
  }

  #place(
    batch: FailedBatch | null,
    sourcePartition: string | null,
  ): Pick<
    PipelineErrorRecord,
    'batchId' | 'sourcePartition' | 'earliestOffset' | 'latestOffset' | 'host' | 'port' | 'partition'
  > {
    const range = batch?.ranges.find((each) => each.sourcePartition === sourcePartition);
    return {
      batchId: batch?.batchId ?? null,
      sourcePartition,
      earliestOffset: range?.beginOffset ?? null,
      latestOffset: range?.endOffset ?? null,
      host: null,
      port: null,
      partition: null,
    };
  }
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
