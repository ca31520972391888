import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Engine, type EngineConnection, openEngine } from '@millrace/engine/duckdb-instance';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { Logger } from '@millrace/runtime/logger';
import { createWorkDirectory } from '@millrace/runtime/work-directory';
import type { ColumnBatch } from '@millrace/values/column-batch';
import { ByteBudget } from './byte-budget.ts';
import type { SliceDestination, StageSlice } from './delivery/slice-target.ts';
import { describeSource } from './describe-source.ts';
import {
  type Batch,
  type BatchEvent,
  type ExtractPorts,
  extractBatch,
  type RangeResult,
} from './extract-batch.ts';
import { type ExtractorMetrics, recordRanges } from './extractor-metrics.ts';
import { previewBatch } from './preview-batch.ts';
import { KafkaRecordSource } from './sources/kafka-record-source.ts';
import type { RecordSource, SourceOffsets } from './sources/record-source.ts';
import { type OpenSource, SourceCache, type SourceSettings } from './sources/source-cache.ts';
import type { RunTransform } from './transform/transform-run.ts';

const sourceIdleMs = 60_000;

/** Names of the places where a test may end the process. */
export type CrashPoint = 'before-fetch' | 'before-stage' | 'after-stage';

export interface ExtractorOptions {
  /** For staging files, best on a memory file system. The extractor makes a directory of its own in it. */
  readonly workDirectory: string;
  readonly engineThreads: number;
  readonly engineMemoryBytesMax: number;
  /** Memory for records and rows of all batches that run at a time. */
  readonly bufferBytesMax: number;
  readonly stage: StageSlice;
  readonly logger: Logger;
  readonly metrics: ExtractorMetrics;
  /** How to open a source by its type; `kafka` unless a test says otherwise. */
  readonly openSource?: OpenSource;
  readonly crashPoint?: (point: CrashPoint) => void;
}

/** A batch with where to read it from and how to transform it. */
export interface ExtractorBatch extends Batch {
  readonly source: SourceSettings;
  readonly runTransform: RunTransform;
}

/** The role of the pipeline-extractor: stateless but for connections and one engine. */
export interface Extractor {
  /** See {@link describeSource}. */
  describe(
    settings: SourceSettings,
    options: {
      readonly cursors: ReadonlyMap<string, bigint>;
      readonly waitMs: number;
      readonly signal: AbortSignal;
    },
  ): Promise<SourceOffsets[]>;
  /** See {@link extractBatch}. */
  extract(
    batch: ExtractorBatch,
    destination: SliceDestination,
    emit: (event: BatchEvent) => void,
    signal: AbortSignal,
  ): Promise<RangeResult[]>;
  /** See {@link previewBatch}. */
  preview(
    batch: ExtractorBatch,
    rowsMax: number,
    emit: (rows: ColumnBatch) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /** Closes connections and the engine and removes the work directory. Calls must have ended. */
  close(): void;
}

export function createExtractor(options: ExtractorOptions): Extractor {
  return new ExtractorRole(options);
}

class ExtractorRole implements Extractor {
  readonly #options: ExtractorOptions;
  readonly #directory: string;
  readonly #sources: SourceCache;
  readonly #budget: ByteBudget;
  readonly #crashPoint: (point: CrashPoint) => void;
  #engine: Promise<Engine> | undefined;

  constructor(options: ExtractorOptions) {
    this.#options = options;
    this.#directory = createWorkDirectory(options.workDirectory, 'extract');
    this.#sources = new SourceCache(options.openSource ?? openSourceWith(options.logger), sourceIdleMs);
    this.#budget = new ByteBudget(options.bufferBytesMax);
    this.#crashPoint = options.crashPoint ?? (() => {});
  }

  describe(
    settings: SourceSettings,
    options: {
      readonly cursors: ReadonlyMap<string, bigint>;
      readonly waitMs: number;
      readonly signal: AbortSignal;
    },
  ): Promise<SourceOffsets[]> {
    return this.#sources.use(settings, (source) =>
      describeSource(source, { ...options, now: () => performance.now() }),
    );
  }

  async extract(
    batch: ExtractorBatch,
    destination: SliceDestination,
    emit: (event: BatchEvent) => void,
    signal: AbortSignal,
  ): Promise<RangeResult[]> {
    this.#crashPoint('before-fetch');
    const stage: StageSlice = async (header, chunks, stageSignal) => {
      this.#crashPoint('before-stage');
      const stored = await this.#options.stage(header, chunks, stageSignal);
      this.#crashPoint('after-stage');
      return stored;
    };
    const { metrics } = this.#options;
    try {
      const ranges = await this.#sources.use(batch.source, (source) =>
        extractBatch(batch, { destination, stage }, this.#ports(source, batch), emit, signal),
      );
      metrics.batches(1, { outcome: 'succeeded' });
      recordRanges(metrics, ranges);
      return ranges;
    } catch (error) {
      metrics.batches(1, { outcome: signal.aborted ? 'canceled' : 'failed' });
      throw error;
    }
  }

  async preview(
    batch: ExtractorBatch,
    rowsMax: number,
    emit: (rows: ColumnBatch) => void,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#sources.use(batch.source, (source) =>
      previewBatch(batch, rowsMax, this.#ports(source, batch), emit, signal),
    );
  }

  close(): void {
    this.#sources.close();
    this.#engine?.then(
      (engine) => engine.close(),
      () => {},
    );
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #ports(source: RecordSource, { runTransform }: ExtractorBatch): ExtractPorts {
    return {
      source,
      runTransform,
      budget: this.#budget,
      connect: () => this.#connect(),
      directory: join(this.#directory, randomUUID()),
      now: () => performance.now(),
    };
  }

  async #connect(): Promise<EngineConnection> {
    this.#engine ??= openEngine({
      threads: this.#options.engineThreads,
      memoryLimitBytes: this.#options.engineMemoryBytesMax,
      tempDirectory: join(this.#directory, 'engine'),
    });
    return (await this.#engine).connect();
  }
}

function openSourceWith(logger: Logger): OpenSource {
  return async (settings, signal) => {
    if (settings.type === 'kafka') return KafkaRecordSource.open(settings, logger, signal);
    throw new MillraceError('PIPELINE_DEFINITION', `source type '${settings.type}' is not supported`);
  };
}
