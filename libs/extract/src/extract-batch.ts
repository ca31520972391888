import { setImmediate as nextTurn } from 'node:timers/promises';
import { isMillraceError, MillraceError } from '@millrace/errors/millrace-error';
import type { ByteBudget } from './byte-budget.ts';
import type { SliceDestination, StagedSlice, StageSlice } from './delivery/slice-target.ts';
import { createScanner } from './formats/create-scanner.ts';
import type { RecordScanner } from './formats/record-scanner.ts';
import { RowErrors, type RowWarningEvent, withFailureInfo } from './rows/row-errors.ts';
import { RowFields } from './rows/row-fields.ts';
import type { RowPlan } from './rows/row-plan.ts';
import type { EngineSinkOptions } from './sinks/engine-sink.ts';
import { SliceLoader } from './sinks/slice-loader.ts';
import type { RecordBlock, RecordSource, SourceRange } from './sources/record-source.ts';
import { RowStream } from './transform/row-stream.ts';
import { type RunTransform, type TransformProgram, TransformRun } from './transform/transform-run.ts';

/** One batch: what to read, how records become rows, and where the rows go. */
export interface Batch {
  readonly batchId: bigint;
  readonly topic: string;
  readonly ranges: readonly SourceRange[];
  readonly plan: RowPlan;
  readonly transform: TransformProgram | undefined;
}

/** What a batch is extracted with. */
export interface ExtractPorts {
  readonly source: RecordSource;
  readonly runTransform: RunTransform;
  readonly budget: ByteBudget;
  readonly connect: EngineSinkOptions['connect'];
  /** A directory name that no other batch uses. */
  readonly directory: string;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** What one range came to. */
export interface RangeResult {
  readonly range: SourceRange;
  readonly records: number;
  readonly bytes: number;
  readonly transformedBytes: number;
  readonly rows: number;
  readonly seconds: number;
}

export type BatchEvent =
  | { readonly kind: 'slice'; readonly slice: StagedSlice }
  | { readonly kind: 'warning'; readonly warning: RowWarningEvent };

/** Working set of one batch: small batches take little, so that many run beside a large one. */
const leaseBytesMax = 96 * 1024 * 1024;
const leaseBytesMin = 4 * 1024 * 1024;
const recordBytesAssumed = 1024;
/** Records scanned between looks at the clock, and how long the event loop may be kept. */
const recordsPerLook = 512;
const turnMsMax = 8;

export function leaseBytesOf(ranges: readonly SourceRange[]): number {
  const records = ranges.reduce((sum, { begin, end }) => sum + Number(end - begin), 0);
  return Math.min(leaseBytesMax, Math.max(leaseBytesMin, records * recordBytesAssumed));
}

/**
 * Extracts one batch: reads the ranges, transforms, scans and converts records, and stages slices at the leaves. Nothing
 * becomes visible by it, so a failed or cancelled batch leaves nothing to undo but the leaves' staging area.
 *
 * @throws MillraceError, with a FailureInfo where more is known; topic, partition and offset are in the message.
 */
export async function extractBatch(
  batch: Batch,
  delivery: { readonly destination: SliceDestination; readonly stage: StageSlice },
  ports: ExtractPorts,
  emit: (event: BatchEvent) => void,
  signal: AbortSignal,
): Promise<RangeResult[]> {
  const lease = await ports.budget.acquire(leaseBytesOf(batch.ranges), signal);
  const ended = new AbortController();
  const scope = AbortSignal.any([signal, ended.signal]);
  const errors = rowErrorsOf(batch);
  // A third each for what is fetched, what is collected, and what is on its way to the leaves.
  const bufferBytesMax = Math.floor(lease.bytes / 3);
  const loader = new SliceLoader({
    ...delivery,
    plan: batch.plan,
    batchId: batch.batchId,
    bufferBytesMax,
    signal: scope,
    errors,
    connect: ports.connect,
    directory: ports.directory,
  });
  const emitAll = () => {
    for (const slice of loader.takeStaged()) emit({ kind: 'slice', slice });
    for (const warning of errors.takeWarnings()) emit({ kind: 'warning', warning });
  };
  try {
    const run = new BatchRun(batch, loader, errors, ports, scope);
    await run.read(bufferBytesMax, emitAll);
    await loader.finish();
    emitAll();
    return run.results();
  } catch (error) {
    if (signal.aborted) throw cancelled(error);
    throw error;
  } finally {
    ended.abort();
    await loader.close();
    lease.release();
  }
}

export function rowErrorsOf({ topic, ranges, plan }: Batch): RowErrors {
  return new RowErrors(topic, ranges, plan.skip);
}

function cancelled(cause?: unknown): MillraceError {
  return new MillraceError('QUERY_KILLED', 'the extraction was cancelled', { cause });
}

/** Where rows of a batch go and when to wait for them; {@link SliceLoader}, or the preview's collector. */
export interface BatchSink {
  addRow(fields: RowFields): void;
  settle(): Promise<void>;
  readonly rowsByRange: readonly number[];
}

/** Reads the ranges of one batch into a sink. */
export class BatchRun {
  readonly #batch: Batch;
  readonly #sink: BatchSink;
  readonly #ports: ExtractPorts;
  readonly #signal: AbortSignal;
  readonly #fields: RowFields;
  readonly #errors: RowErrors;
  readonly #scanner: RecordScanner;
  readonly #counts: { records: number; bytes: number; startMs: number; endMs: number }[];
  readonly #transforms: TransformFeed[] = [];

  constructor(batch: Batch, sink: BatchSink, errors: RowErrors, ports: ExtractPorts, signal: AbortSignal) {
    this.#batch = batch;
    this.#sink = sink;
    this.#ports = ports;
    this.#signal = signal;
    this.#errors = errors;
    this.#fields = new RowFields(batch.plan.format.fields.length);
    this.#scanner = createScanner(batch.plan.format, this.#fields, sink, errors);
    const startMs = ports.now();
    this.#counts = batch.ranges.map(() => ({ records: 0, bytes: 0, startMs, endMs: startMs }));
  }

  /** Reads everything; `afterBlock` is called now and then. */
  async read(bufferBytesMax: number, afterBlock: () => void): Promise<void> {
    this.#startTransforms();
    let sinkError: unknown;
    const take = async (block: RecordBlock): Promise<void> => {
      try {
        await this.#takeBlock(block);
        await this.#sink.settle();
        afterBlock();
      } catch (error) {
        sinkError = error;
        throw error;
      }
    };
    try {
      await this.#ports.source.read(this.#batch.ranges, take, { bufferBytesMax, signal: this.#signal });
    } catch (error) {
      throw error === sinkError || !isMillraceError(error) ? error : this.#sourceFailure(error);
    }
    for (const { run } of this.#transforms) run.end();
    await Promise.all(this.#transforms.map(({ finished }) => finished));
  }

  results(): RangeResult[] {
    return this.#batch.ranges.map((range, index) => {
      const { records = 0, bytes = 0, startMs = 0, endMs = 0 } = this.#counts[index] ?? {};
      return {
        range,
        records,
        bytes,
        transformedBytes: this.#transforms[index]?.stream.bytes ?? 0,
        rows: this.#sink.rowsByRange[index] ?? 0,
        seconds: (endMs - startMs) / 1000,
      };
    });
  }

  async #takeBlock(block: RecordBlock): Promise<void> {
    const counts = this.#counts[block.range];
    if (counts === undefined) throw new RangeError(`range ${block.range}`);
    counts.bytes += block.bytes;
    const feed = this.#transforms[block.range];
    let turnStartMs = this.#ports.now();
    for (;;) {
      const taken = feed === undefined ? this.#scanSome(block) : this.#feedSome(block, feed.run);
      counts.records += taken;
      if (taken < recordsPerLook) break;
      if (feed !== undefined) await drained(feed);
      if (this.#ports.now() - turnStartMs > turnMsMax) {
        await nextTurn();
        if (this.#signal.aborted) throw cancelled();
        turnStartMs = this.#ports.now();
      }
    }
    counts.endMs = this.#ports.now();
  }

  #scanSome({ range, records }: RecordBlock): number {
    const fields = this.#fields;
    fields.range = range;
    fields.record = records;
    let taken = 0;
    for (; taken < recordsPerLook && records.next(); taken += 1) {
      // A record without value (a tombstone) has no rows.
      if (records.valueStart < 0) continue;
      fields.line = 1;
      this.#scanner.scan(records.bytes, records.valueStart, records.valueEnd, true);
    }
    return taken;
  }

  #feedSome({ records }: RecordBlock, run: TransformRun): number {
    let taken = 0;
    for (; taken < recordsPerLook && records.next(); taken += 1) {
      if (records.valueStart >= 0) run.write(records);
    }
    return taken;
  }

  #startTransforms(): void {
    const { topic, transform, ranges } = this.#batch;
    if (transform === undefined) return;
    for (const [index, range] of ranges.entries()) {
      const run = new TransformRun(topic, range);
      const stream = new RowStream(index, this.#scanner, this.#fields, this.#errors);
      const take = async (bytes: Buffer): Promise<void> => {
        stream.push(bytes);
        await this.#sink.settle();
      };
      const finished = run
        .run(this.#ports.runTransform, transform, take, this.#signal)
        .then(() => stream.end());
      // Whoever waits sees the failure; until then it is not unhandled.
      finished.catch(() => {});
      this.#transforms.push({ run, stream, finished });
    }
  }

  #sourceFailure(error: MillraceError): MillraceError {
    return withFailureInfo(error, {
      kind: 'Extract',
      sourcePartition: '',
      offset: -1n,
      line: '',
      lineNumber: 0,
      stdError: '',
    });
  }
}

interface TransformFeed {
  readonly run: TransformRun;
  readonly stream: RowStream;
  readonly finished: Promise<void>;
}

/** Waits until a transform takes more input. A program that has ended takes none; if it failed, that is thrown. */
async function drained({ run, finished }: TransformFeed): Promise<void> {
  await run.drained();
  if (run.closed) await finished;
}
