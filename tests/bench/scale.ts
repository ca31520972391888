import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '@millrace/testkit/seeded-random';
import { fillTopic } from './load/fill-topic.ts';
import { startKafkaHost } from './load/kafka-host.ts';
import { createEvents, loadEvents, pipelineName } from './load-table.ts';
import type { BenchOptions, StorageKind } from './options.ts';
import { UsageMeter } from './process-usage.ts';
import type { Progress } from './progress.ts';
import { formatTargets, type Report, type Target } from './report.ts';
import { medianOf } from './statistics.ts';
import { type System, startSystem } from './system.ts';
import { formatNumber, textTable } from './text-table.ts';
import { countriesSql, queries } from './typical-queries.ts';

const topic = 'adtech';
const sourcePartitions = 4;
const leafCounts = [1, 2, 4] as const;
/** The second load counts: code is compiled by then. */
const states = ['cold', 'warm'] as const;
/** Until compilers have seen the code of every process often enough. */
const warmupRuns = 40;
/** For flushing and merging after the load. */
const settleMs = 5_000;
const queryRuns = 40;
/** What splitting a node into processes may cost. */
const costMax = 1.15;

type Mode = BenchOptions['mode'];

interface ScaleRun {
  readonly storage: StorageKind;
  readonly leaves: number;
  readonly mode: Mode;
  readonly seconds: number;
  /** Over all services. */
  readonly cpuSeconds: number;
  /** Median by query. */
  readonly queryMs: Readonly<Record<string, number>>;
  /** Over all services, of a query on average. */
  readonly queryCpuMs: number;
}

/** The same number of leaves, in processes of their own and in one. */
interface Pair {
  readonly storage: StorageKind;
  readonly leaves: number;
  readonly processes: ScaleRun;
  readonly standalone: ScaleRun;
}

/**
 * Ingest per CPU second and query times with several numbers of leaves, each service a process of its own, against the
 * same services in one process.
 */
export async function runScale(options: BenchOptions, progress: Progress): Promise<Report> {
  await using kafka = await startKafkaHost();
  const { rows, seed } = options;
  progress.step(`writing ${rows} events`);
  await kafka.createTopic(topic, sourcePartitions);
  const fill = { broker: kafka.brokers, topic, partitions: sourcePartitions, rows, seed };
  await fillTopic({ ...fill, onProgress: (count) => progress.update(`${count} of ${rows} events`) });
  const pairs: Pair[] = [];
  for (const storage of options.storage) {
    for (const leaves of leafCounts) {
      const run = async (mode: Mode): Promise<ScaleRun> => {
        progress.step(`${storage}, ${leaves} leaves, ${mode}`);
        await using system = await startSystem({ mode, leaves, profileDir: options.profileDir });
        const measured = await measure(system, storage, `${kafka.brokers}/${topic}`, options, progress);
        return { storage, leaves, mode, ...measured };
      };
      pairs.push({ storage, leaves, standalone: await run('standalone'), processes: await run('processes') });
    }
  }
  const text = [
    `${formatNumber(rows)} rows; the last three columns: processes over standalone`,
    pairsTable(pairs, rows),
    formatTargets(pairs.flatMap(targetsOf)),
  ].join('\n\n');
  return { text, results: { rows, pairs } };
}

async function measure(
  system: System,
  storage: StorageKind,
  source: string,
  { rows, seed }: BenchOptions,
  progress: Progress,
): Promise<Pick<ScaleRun, 'seconds' | 'cpuSeconds' | 'queryMs' | 'queryCpuMs'>> {
  await using client = await system.connect();
  let usage = { seconds: 0, cpuSeconds: 0 };
  for (const state of states) {
    const onProgress = (count: number) => progress.update(`${state}: ${count} of ${rows} rows`);
    const load = { database: `adtech_${state}`, storage, source, rows, onProgress };
    await createEvents(client, load);
    const meter = new UsageMeter(system.processes);
    await loadEvents(client, load);
    const { seconds, cpuSeconds } = meter.read();
    usage = { seconds, cpuSeconds };
    await client.run(`DROP PIPELINE ${pipelineName}`);
    if (state === 'cold') await client.run(`DROP DATABASE ${load.database}`);
  }
  await client.run(...countriesSql);
  await sleep(settleMs);
  const queryMs: Record<string, number> = {};
  let queryCpuSeconds = 0;
  for (const { name, sql } of queries) {
    progress.update(name);
    const random = seededRandom(seed);
    const times: number[] = [];
    let meter = new UsageMeter(system.processes);
    for (let run = -warmupRuns; run < queryRuns; run += 1) {
      if (run === 0) meter = new UsageMeter(system.processes);
      const startMs = performance.now();
      await client.rows(sql(random));
      if (run >= 0) times.push(performance.now() - startMs);
    }
    queryCpuSeconds += meter.read().cpuSeconds;
    queryMs[name] = medianOf(times);
  }
  const queryCpuMs = (queryCpuSeconds * 1000) / (queryRuns * queries.length);
  return { ...usage, queryMs, queryCpuMs };
}

/** Median over the queries of how much longer each takes in processes. */
function queryRatio({ processes, standalone }: Pair): number {
  return medianOf(
    Object.entries(processes.queryMs).map(([name, ms]) => ms / (standalone.queryMs[name] ?? Number.NaN)),
  );
}

function queryCpuRatio({ processes, standalone }: Pair): number {
  return processes.queryCpuMs / standalone.queryCpuMs;
}

function cpuRatio({ processes, standalone }: Pair): number {
  return processes.cpuSeconds / standalone.cpuSeconds;
}

function ratiosOf(pair: Pair): number[] {
  return [cpuRatio(pair), queryRatio(pair), queryCpuRatio(pair)];
}

function targetsOf(pair: Pair): Target[] {
  const place = `${pair.storage}, ${pair.leaves} leaves`;
  const limit = { limit: costMax, direction: 'at most' as const };
  return [
    { what: `${place}: CPU of ingest in processes over standalone`, value: cpuRatio(pair), ...limit },
    { what: `${place}: query times in processes over standalone`, value: queryRatio(pair), ...limit },
    { what: `${place}: CPU of queries in processes over standalone`, value: queryCpuRatio(pair), ...limit },
  ];
}

function pairsTable(pairs: readonly Pair[], rows: number): string {
  const titles = [
    'leaves',
    'mode',
    'rows/s',
    'rows/CPU s',
    'query ms',
    'query CPU ms',
    'CPU',
    'query',
    'query CPU',
  ];
  const lines = pairs.flatMap((pair) =>
    [pair.standalone, pair.processes].map((run) => [
      run.storage,
      String(run.leaves),
      run.mode,
      formatNumber(rows / run.seconds),
      formatNumber(rows / run.cpuSeconds),
      formatNumber(medianOf(Object.values(run.queryMs)), 1),
      formatNumber(run.queryCpuMs, 1),
      ...(run.mode === 'standalone' ? ['', '', ''] : ratiosOf(pair).map((ratio) => ratio.toFixed(2))),
    ]),
  );
  return textTable([{ title: 'storage', align: 'left' }, ...titles.map((title) => ({ title }))], lines);
}
