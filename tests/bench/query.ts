import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { seededRandom } from '@millrace/testkit/seeded-random';
import type { SqlClient } from '../support/sql-client.ts';
import { engineReadSql, engineTableSql } from './adtech-schema.ts';
import { fillTopic } from './load/fill-topic.ts';
import { startKafkaHost } from './load/kafka-host.ts';
import { createEvents, loadEvents } from './load-table.ts';
import type { BenchOptions, StorageKind } from './options.ts';
import type { Progress } from './progress.ts';
import type { Report } from './report.ts';
import { medianOf, quantileOf, sortedNumbers } from './statistics.ts';
import { startSystem } from './system.ts';
import { formatNumber, textTable } from './text-table.ts';
import { countries, countriesSql, queries, type TypicalQuery } from './typical-queries.ts';

const topic = 'adtech';
/** For flushing and merging after the load. */
const settleMs = 5_000;
const warmupRuns = 3;

interface Latencies {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

interface QueryRun {
  readonly storage: StorageKind;
  readonly query: string;
  readonly millrace: Latencies;
  readonly duckdb: Latencies;
  /** Median of Millrace's time over DuckDB's time of the run right after it. */
  readonly ratio: number;
  readonly rowsScannedPerSecond: number | null;
}

/** Typical queries over the MySQL protocol, each run followed by the same query on a plain DuckDB. */
export async function runQuery(options: BenchOptions, progress: Progress): Promise<Report> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  await using kafka = await startKafkaHost();
  try {
    const { rows } = options;
    progress.step(`writing ${rows} events`);
    const ndjsonFile = join(directory, 'events.ndjson');
    await kafka.createTopic(topic, 4);
    const fill = { broker: kafka.brokers, topic, partitions: 4, rows, seed: options.seed, ndjsonFile };
    await fillTopic({ ...fill, onProgress: (count) => progress.update(`${count} of ${rows} events`) });
    const plain = await openPlain(join(directory, 'plain.duckdb'), ndjsonFile);
    const runs: QueryRun[] = [];
    for (const storage of options.storage) {
      runs.push(...(await runStorage(options, storage, `${kafka.brokers}/${topic}`, plain, progress)));
    }
    plain.closeSync();
    const text = `${formatNumber(rows)} rows, one connection; DuckDB: a table in a file, ${cpus().length} threads, in-process\n\n${runsTable(runs)}`;
    return { text, results: { rows, runs } };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function openPlain(file: string, ndjsonFile: string): Promise<DuckDBConnection> {
  const instance = await DuckDBInstance.create(file, { threads: String(cpus().length) });
  const connection = await instance.connect();
  await connection.run(engineTableSql('events'));
  await connection.run(`INSERT INTO events SELECT * FROM ${engineReadSql(ndjsonFile)}`);
  await connection.run('CREATE TABLE countries (country VARCHAR PRIMARY KEY, continent VARCHAR)');
  await connection.run(`INSERT INTO countries VALUES ${countries}`);
  await connection.run('CHECKPOINT');
  return connection;
}

async function runStorage(
  options: BenchOptions,
  storage: StorageKind,
  source: string,
  plain: DuckDBConnection,
  progress: Progress,
): Promise<QueryRun[]> {
  progress.step(`${storage}: loading`);
  await using system = await startSystem(options);
  await using client = await system.connect();
  const { rows } = options;
  const load = {
    database: 'adtech',
    storage,
    source,
    rows,
    onProgress: (count: number) => progress.update(`${count} of ${rows} rows`),
  };
  await createEvents(client, load);
  await loadEvents(client, load);
  await client.run(...countriesSql);
  await sleep(settleMs);
  const runs: QueryRun[] = [];
  for (const query of queries) {
    progress.step(`${storage}: ${query.name}`);
    runs.push({ storage, ...(await comparePair(query, client, plain, options)) });
  }
  return runs;
}

async function comparePair(
  query: TypicalQuery,
  client: SqlClient,
  plain: DuckDBConnection,
  { seed, rows }: BenchOptions,
): Promise<Omit<QueryRun, 'storage'>> {
  const random = seededRandom(seed);
  const millraceMs: number[] = [];
  const duckdbMs: number[] = [];
  for (let run = -warmupRuns; run < query.runs; run += 1) {
    const sql = query.sql(random);
    const [ours, ourMs] = await timed(async () => (await client.rows(sql)).length);
    const [theirs, theirMs] = await timed(async () => (await plain.runAndReadAll(sql)).getRows().length);
    if (ours !== theirs) throw new Error(`${ours} rows instead of ${theirs}: ${sql}`);
    if (run < 0) continue;
    millraceMs.push(ourMs);
    duckdbMs.push(theirMs);
  }
  const millrace = latenciesOf(millraceMs);
  return {
    query: query.name,
    millrace,
    duckdb: latenciesOf(duckdbMs),
    ratio: medianOf(millraceMs.map((ms, index) => ms / (duckdbMs[index] ?? Number.NaN))),
    rowsScannedPerSecond: query.scans ? (rows / millrace.p50Ms) * 1000 : null,
  };
}

async function timed<Result>(work: () => Promise<Result>): Promise<readonly [Result, number]> {
  const startMs = performance.now();
  const result = await work();
  return [result, performance.now() - startMs];
}

function latenciesOf(valuesMs: readonly number[]): Latencies {
  const sorted = sortedNumbers(valuesMs);
  return { p50Ms: quantileOf(sorted, 0.5), p99Ms: quantileOf(sorted, 0.99) };
}

function runsTable(runs: readonly QueryRun[]): string {
  const titles = ['p50 ms', 'p99 ms', 'DuckDB p50', 'DuckDB p99', 'ratio', 'M rows/s'];
  return textTable(
    [
      { title: 'storage', align: 'left' },
      { title: 'query', align: 'left' },
      ...titles.map((title) => ({ title })),
    ],
    runs.map(({ storage, query, millrace, duckdb, ratio, rowsScannedPerSecond }) => [
      storage,
      query,
      ...[millrace.p50Ms, millrace.p99Ms, duckdb.p50Ms, duckdb.p99Ms, ratio].map((value) =>
        formatNumber(value, 1),
      ),
      rowsScannedPerSecond === null ? '' : formatNumber(rowsScannedPerSecond / 1e6, 1),
    ]),
  );
}
