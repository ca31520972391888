import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ingestReport } from './ingest-report.ts';
import { fillTopic } from './load/fill-topic.ts';
import { type KafkaHost, startKafkaHost } from './load/kafka-host.ts';
import { createEvents, type LoadOptions, loadEvents, pipelineName } from './load-table.ts';
import type { BenchOptions, StorageKind } from './options.ts';
import { type PartResult, runPart } from './parts/part-process.ts';
import { type ProcessUsage, UsageMeter } from './process-usage.ts';
import type { Progress } from './progress.ts';
import type { Report } from './report.ts';
import { type System, startSystem } from './system.ts';

const sourcePartitions = 4;
/** What times are compared with when more rows are asked for. */
const baseRows = 1_000_000;
/** Flushers, mergers and checkpoints get this long after the last row, and what they take is told apart. */
const settleMs = 4_000;
/** About what a leaf gets at a time from a pipeline that is behind. */
const sliceRows = 50_000;

/** A topic with events, and the same events in a file. */
export interface LoadedTopic {
  readonly topic: string;
  readonly rows: number;
  readonly bytes: number;
  readonly ndjsonFile: string;
}

/** Millrace loading a topic. */
export interface MillraceRun extends PartResult {
  /** Of two loads into the same services, the first (cold: their code is not compiled yet) or the second. */
  readonly state: 'cold' | 'warm';
  readonly storage: StorageKind;
  readonly byProcess: readonly ProcessUsage[];
  /** Used after every row was visible, by work in the background. */
  readonly settleCpuSeconds: number;
}

/** Everything measured with one number of rows. */
export interface IngestRuns {
  readonly loaded: LoadedTopic;
  readonly millrace: readonly MillraceRun[];
  readonly duckdbLoads: readonly PartResult[];
  readonly parts: Readonly<Record<'fetch only' | 'extract only' | 'slice load only', PartResult>>;
}

/** From a topic full of events to the last row visible to a SELECT, beside the same work done by parts alone. */
export async function runIngest(options: BenchOptions, progress: Progress): Promise<Report> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  await using kafka = await startKafkaHost();
  progress.step(`broker: ${kafka.description}`);
  try {
    const sizes = options.rows > baseRows ? [baseRows, options.rows] : [options.rows];
    const all: IngestRuns[] = [];
    for (const rows of sizes) {
      all.push(await new IngestBench(options, progress, kafka, join(directory, String(rows))).run(rows));
    }
    return ingestReport(all, kafka.description, options);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

class IngestBench {
  readonly #options: BenchOptions;
  readonly #progress: Progress;
  readonly #kafka: KafkaHost;
  readonly #directory: string;

  constructor(options: BenchOptions, progress: Progress, kafka: KafkaHost, directory: string) {
    this.#options = options;
    this.#progress = progress;
    this.#kafka = kafka;
    this.#directory = directory;
    mkdirSync(directory);
  }

  /** The yardstick runs before, between and after the runs of Millrace, so that a noisy machine disturbs both. */
  async run(rows: number): Promise<IngestRuns> {
    const loaded = await this.#fill(rows);
    const { topic } = loaded;
    const { brokers } = this.#kafka;
    const duckdbLoads = [await this.#duckdbLoad(loaded)];
    const millrace: MillraceRun[] = [];
    for (const storage of this.#options.storage) {
      millrace.push(...(await this.#millrace(storage, loaded)));
      duckdbLoads.push(await this.#duckdbLoad(loaded));
    }
    const parts = {
      'fetch only': await this.#part('fetch only', () => runPart('fetch-only', { brokers, topic })),
      'extract only': await this.#part('extract only', () => runPart('extract-only', { brokers, topic })),
      'slice load only': await this.#part('slice load only', () => this.#sliceLoad(loaded)),
    };
    for (const part of [...duckdbLoads, ...Object.values(parts)]) {
      if (part.rows !== rows) throw new Error(`a part handled ${part.rows} rows of ${rows}`);
    }
    return { loaded, millrace, duckdbLoads, parts };
  }

  async #fill(rows: number): Promise<LoadedTopic> {
    this.#progress.step(`writing ${rows} events to the topic`);
    const topic = `adtech-${rows}`;
    const ndjsonFile = join(this.#directory, 'events.ndjson');
    await this.#kafka.createTopic(topic, sourcePartitions);
    const bytes = await fillTopic({
      broker: this.#kafka.brokers,
      topic,
      partitions: sourcePartitions,
      rows,
      seed: this.#options.seed,
      ndjsonFile,
      onProgress: (written) => this.#progress.update(`${written} of ${rows} events`),
    });
    return { topic, rows, bytes, ndjsonFile };
  }

  /** Loads the topic twice, into two databases of the same services. */
  async #millrace(storage: StorageKind, loaded: LoadedTopic): Promise<MillraceRun[]> {
    await using system = await startSystem(this.#options);
    const cold = await this.#load('cold', storage, loaded, system);
    return [cold, await this.#load('warm', storage, loaded, system)];
  }

  async #load(
    state: MillraceRun['state'],
    storage: StorageKind,
    { topic, rows }: LoadedTopic,
    system: System,
  ): Promise<MillraceRun> {
    this.#progress.step(`Millrace, ${storage}, ${state}`);
    await using client = await system.connect();
    const load: LoadOptions = {
      database: `adtech_${state}`,
      storage,
      source: `${this.#kafka.brokers}/${topic}`,
      rows,
      onProgress: (count) => this.#progress.update(`${count} of ${rows} rows`),
    };
    await createEvents(client, load);
    const meter = new UsageMeter(system.processes);
    await loadEvents(client, load);
    const { seconds, cpuSeconds, byProcess } = meter.read();
    await sleep(settleMs);
    const settled = meter.read();
    const { peakRssBytes } = settled;
    const settleCpuSeconds = settled.cpuSeconds - cpuSeconds;
    await client.run(`DROP PIPELINE ${pipelineName}`, `DROP DATABASE ${load.database}`);
    return { state, storage, rows, seconds, cpuSeconds, peakRssBytes, byProcess, settleCpuSeconds };
  }

  #duckdbLoad({ ndjsonFile }: LoadedTopic): Promise<PartResult> {
    return this.#part('plain DuckDB, one thread', async () => {
      const databaseFile = join(this.#directory, 'plain.duckdb');
      const result = await runPart('duckdb-load', { ndjsonFile, databaseFile });
      rmSync(databaseFile);
      return result;
    });
  }

  async #sliceLoad({ ndjsonFile }: LoadedTopic): Promise<PartResult> {
    const directory = join(this.#directory, 'slices');
    mkdirSync(directory);
    const result = await runPart('slice-load', { ndjsonFile, directory, sliceRows });
    rmSync(directory, { recursive: true });
    return result;
  }

  #part(name: string, run: () => Promise<PartResult>): Promise<PartResult> {
    this.#progress.step(name);
    return run();
  }
}
