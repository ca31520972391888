import { isMillraceError, MillraceError } from '@millrace/errors/millrace-error';
import type { SourceRange } from '../sources/record-source.ts';
import type { RowFields } from './row-fields.ts';
import type { SkippedRows } from './row-plan.ts';

/** What PIPELINES_ERRORS knows of a failure beside its code and message. */
export interface FailureInfo {
  readonly kind: 'Extract' | 'Transform' | 'Load' | 'Internal';
  readonly sourcePartition: string;
  /** -1 where no single record is to blame. */
  readonly offset: bigint;
  readonly line: string;
  readonly lineNumber: number;
  readonly stdError: string;
}

const infos = new WeakMap<Error, FailureInfo>();

/** Attaches what is known about a failure to its error. */
export function withFailureInfo(error: MillraceError, info: FailureInfo): MillraceError {
  infos.set(error, info);
  return error;
}

/** What was attached with {@link withFailureInfo}. */
export function failureInfoOf(error: unknown): FailureInfo | undefined {
  return error instanceof Error ? infos.get(error) : undefined;
}

/** A source range as errors name it where no single record is to blame; the last offset is included. */
export function rangeText(topic: string, { sourcePartition, begin, end }: SourceRange): string {
  return `topic '${topic}' partition ${sourcePartition} offsets ${begin} to ${end - 1n}`;
}

/** Where a bad row stands. */
export interface RowPosition {
  readonly range: number;
  readonly offset: bigint;
  readonly lineNumber: number;
  readonly line: string;
}

/** A row left out by SKIP PARSER ERRORS or SKIP CONSTRAINT ERRORS. */
export interface RowWarningEvent extends RowPosition {
  readonly code: string;
  readonly message: string;
}

const lineBytesShown = 1024;
/** As `pipelines_max_errors_per_partition`: more warnings about one range are counted out. */
const warningsPerRangeMax = 1000;

/**
 * What becomes of rows that cannot be loaded: the first one fails the batch with topic, partition and offset in the
 * message, or each is left out and noted.
 */
export class RowErrors {
  readonly #skip: SkippedRows;
  readonly #topic: string;
  readonly #ranges: readonly SourceRange[];
  readonly #counts: number[];
  #warnings: RowWarningEvent[] = [];

  constructor(topic: string, ranges: readonly SourceRange[], skip: SkippedRows) {
    this.#topic = topic;
    this.#ranges = ranges;
    this.#skip = skip;
    this.#counts = ranges.map(() => 0);
  }

  /** Reports the row of `bytes[start, end)` that `fields` stands at. Throws unless bad rows are skipped. */
  rejectRow(error: unknown, fields: RowFields, bytes: Buffer, start: number, end: number): void {
    const line = bytes.subarray(start, Math.min(end, start + lineBytesShown)).toString('utf8');
    this.reject(error, {
      range: fields.range,
      offset: fields.record.offset,
      lineNumber: fields.line,
      line: line.replace(/[\r\n]+$/, ''),
    });
  }

  /** Reports a row by its position. Throws unless bad rows are skipped. */
  reject(error: unknown, position: RowPosition): void {
    const known = isMillraceError(error);
    // What is not about the row (a bug, a full disk) is never skipped.
    if (!known || failureInfoOf(error) !== undefined || error.kind === 'operational') throw error;
    const skipped = error.code === 'NOT_NULL' ? this.#skip.constraint : this.#skip.parser;
    if (!skipped) throw this.failure(error, position);
    const count = (this.#counts[position.range] ?? 0) + 1;
    this.#counts[position.range] = count;
    if (count > warningsPerRangeMax) return;
    this.#warnings.push({ ...position, code: error.code, message: this.#message(error, position) });
  }

  /** The error about one row, with its place in the message. */
  failure(error: MillraceError, position: RowPosition): MillraceError {
    const message = this.#message(error, position);
    return withFailureInfo(new MillraceError(error.code, message, { cause: error }), {
      kind: 'Load',
      sourcePartition: this.#rangeOf(position).sourcePartition,
      offset: position.offset,
      line: position.line,
      lineNumber: position.lineNumber,
      stdError: '',
    });
  }

  #message(error: MillraceError, position: RowPosition): string {
    const range = this.#rangeOf(position);
    const place =
      position.offset < 0n
        ? `${rangeText(this.#topic, range)}, row ${position.lineNumber} of the transform's output`
        : `topic '${this.#topic}' partition ${range.sourcePartition} offset ${position.offset}`;
    return `${place}: ${messageOf(error)}`;
  }

  #rangeOf(position: RowPosition): SourceRange {
    const range = this.#ranges[position.range];
    if (range === undefined) throw new RangeError(`range ${position.range}`);
    return range;
  }

  /** Warnings since the last call. */
  takeWarnings(): RowWarningEvent[] {
    const warnings = this.#warnings;
    this.#warnings = [];
    return warnings;
  }
}

function messageOf(error: MillraceError): string {
  return error.detail === undefined ? error.message : `${error.message}, ${error.detail}`;
}
