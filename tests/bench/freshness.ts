import { setTimeout as sleep } from 'node:timers/promises';
import type { SqlClient } from '../support/sql-client.ts';
import { createPipelineSql, createTableSql, databasePartitions } from './adtech-schema.ts';
import { EventStream } from './load/event-stream.ts';
import { type KafkaHost, startKafkaHost } from './load/kafka-host.ts';
import type { BenchOptions, StorageKind } from './options.ts';
import { type Usage, UsageMeter } from './process-usage.ts';
import type { Progress } from './progress.ts';
import { formatTargets, type Report, type Target, targetMet } from './report.ts';
import { quantileOf, sortedNumbers } from './statistics.ts';
import { startSystem } from './system.ts';
import { formatNumber, textTable } from './text-table.ts';

const rowsPerSecond = 5_000;
const sourcePartitions = 4;
/** Events of the first seconds are left out: caches, compilers and the pipeline's batch size settle. */
const warmupSeconds = 3;
/** Between an answer and the next question: asking all the time would take the CPU from what is measured. */
const pollPauseMs = 20;
const drainMsMax = 30_000;
const p50MsMax = 250;
const p99MsMax = 1_000;

const method = `An event's clock starts when it is due at the producer, which sends what is due every 5 ms; it stops when the answer of the first
SELECT that sees the event has arrived over the MySQL protocol. Events are numbered per Kafka partition, and
"SELECT source, MAX(seq) ... GROUP BY source" is asked again and again, so a time includes the wait for the next question and
the answer itself. The first ${warmupSeconds} s are left out.`;

interface FreshnessRun {
  readonly storage: StorageKind;
  readonly events: number;
  readonly rowsPerSecond: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** From the question to its answer. */
  readonly pollP50Ms: number;
  readonly polls: number;
  readonly usage: Usage;
}

/** From an event's production to its visibility, at a steady rate well below what Millrace can take. */
export async function runFreshness(options: BenchOptions, progress: Progress): Promise<Report> {
  await using kafka = await startKafkaHost();
  progress.step(`broker: ${kafka.description}`);
  const runs: FreshnessRun[] = [];
  for (const storage of options.storage) {
    progress.step(`freshness, ${storage}: ${rowsPerSecond} rows/s for ${options.seconds} s`);
    runs.push(await runStorage(options, storage, kafka, progress));
  }
  const targets = runs.flatMap(({ storage, p50Ms, p99Ms }): Target[] => [
    { what: `${storage}: freshness p50, ms`, value: p50Ms, limit: p50MsMax, direction: 'at most' },
    { what: `${storage}: freshness p99, ms`, value: p99Ms, limit: p99MsMax, direction: 'at most' },
  ]);
  return {
    text: `broker: ${kafka.description}\n${method}\n\n${runsTable(runs)}\n\n${formatTargets(targets)}`,
    results: {
      broker: kafka.description,
      method,
      runs,
      targets: targets.map((target) => ({ ...target, met: targetMet(target) })),
    },
  };
}

async function runStorage(
  options: BenchOptions,
  storage: StorageKind,
  kafka: KafkaHost,
  progress: Progress,
): Promise<FreshnessRun> {
  const topic = `freshness-${storage}`;
  await kafka.createTopic(topic, sourcePartitions);
  await using system = await startSystem(options);
  await using client = await system.connect();
  await client.run(
    `CREATE DATABASE adtech PARTITIONS ${databasePartitions}`,
    'USE adtech',
    createTableSql('events', storage, ['source SMALLINT', 'seq INT']),
    createPipelineSql('events_pipe', `${kafka.brokers}/${topic}`, 'events', ['source', 'seq']),
    'START PIPELINE events_pipe',
  );
  const meter = new UsageMeter(system.processes);
  const stream = new EventStream({
    broker: kafka.brokers,
    topic,
    partitions: sourcePartitions,
    rowsPerSecond,
    seconds: warmupSeconds + options.seconds,
    seed: options.seed,
  });
  const startMs = performance.now();
  const observer = new Observer(stream, startMs + warmupSeconds * 1000);
  const producing = stream.run();
  const producedMs = producing.then(() => performance.now() - startMs);
  await Promise.all([observer.watch(client, producing, progress), producing]);
  return {
    storage,
    rowsPerSecond: (stream.produced / (await producedMs)) * 1000,
    ...observer.summary(),
    usage: meter.read(),
  };
}

/** Asks what is visible and notes when each event was seen first. */
class Observer {
  readonly #stream: EventStream;
  readonly #measureFromMs: number;
  /** By partition, how many events have been seen. */
  readonly #seen: number[];
  readonly #delaysMs: number[] = [];
  readonly #pollsMs: number[] = [];

  constructor(stream: EventStream, measureFromMs: number) {
    this.#stream = stream;
    this.#measureFromMs = measureFromMs;
    this.#seen = stream.createdMs.map(() => 0);
  }

  /** Until everything that was produced has been seen. */
  async watch(client: SqlClient, producing: Promise<void>, progress: Progress): Promise<void> {
    let deadlineMs = Number.POSITIVE_INFINITY;
    producing
      .finally(() => {
        deadlineMs = performance.now() + drainMsMax;
      })
      .catch(() => {});
    while (deadlineMs === Number.POSITIVE_INFINITY || this.#seenCount() < this.#stream.produced) {
      if (performance.now() > deadlineMs) {
        throw new Error(`${this.#seenCount()} of ${this.#stream.produced} events are visible`);
      }
      const askedMs = performance.now();
      const rows = await client.rows('SELECT source, MAX(seq) FROM events GROUP BY source');
      const answeredMs = performance.now();
      this.#pollsMs.push(answeredMs - askedMs);
      for (const [source, seq] of rows) this.#note(Number(source), Number(seq), answeredMs);
      progress.update(`${this.#seenCount()} of ${this.#stream.produced} events visible`);
      await sleep(pollPauseMs);
    }
  }

  /** A batch is visible as a whole and holds offsets in order, so the largest number stands for all before it. */
  #note(source: number, seq: number, nowMs: number): void {
    const created = this.#stream.createdMs[source] ?? [];
    for (let index = this.#seen[source] ?? 0; index <= seq; index += 1) {
      const createdMs = created[index] ?? Number.NaN;
      if (createdMs >= this.#measureFromMs) this.#delaysMs.push(nowMs - createdMs);
    }
    this.#seen[source] = seq + 1;
  }

  #seenCount(): number {
    return this.#seen.reduce((sum, count) => sum + count, 0);
  }

  summary() {
    const delays = sortedNumbers(this.#delaysMs);
    return {
      events: delays.length,
      p50Ms: quantileOf(delays, 0.5),
      p90Ms: quantileOf(delays, 0.9),
      p99Ms: quantileOf(delays, 0.99),
      maxMs: quantileOf(delays, 1),
      pollP50Ms: quantileOf(sortedNumbers(this.#pollsMs), 0.5),
      polls: this.#pollsMs.length,
    };
  }
}

function runsTable(runs: readonly FreshnessRun[]): string {
  const titles = [
    'rows/s',
    'events',
    'p50 ms',
    'p90 ms',
    'p99 ms',
    'max ms',
    'poll p50 ms',
    'CPU s/s',
    'RSS MB',
  ];
  return textTable(
    [{ title: 'storage', align: 'left' }, ...titles.map((title) => ({ title }))],
    runs.map((run) => [
      run.storage,
      ...[run.rowsPerSecond, run.events, run.p50Ms, run.p90Ms, run.p99Ms, run.maxMs].map((value) =>
        formatNumber(value),
      ),
      formatNumber(run.pollP50Ms, 1),
      formatNumber(run.usage.cpuSeconds / run.usage.seconds, 2),
      formatNumber(run.usage.peakRssBytes / 1e6),
    ]),
  );
}
