import type { IngestRuns, MillraceRun } from './ingest.ts';
import type { BenchOptions, StorageKind } from './options.ts';
import type { PartResult } from './parts/part-process.ts';
import { formatTargets, type Report, type Target, targetMet } from './report.ts';
import { medianOf } from './statistics.ts';
import { formatMegabytes, formatNumber, textTable } from './text-table.ts';

/** Rows per CPU second against those of the plain DuckDB thread. */
const ratioMin: Record<StorageKind, number> = { rowstore: 0.22, columnstore: 0.45 };
const peakRssBytesMax = 1.5e9;
/** Ten times the rows may take eleven times as long. */
const growthMax = 1.1;

export function ingestReport(all: readonly IngestRuns[], broker: string, options: BenchOptions): Report {
  const targets = [...all.flatMap(ratioTargets), ...growthTargets(all)];
  const text = [
    `broker: ${broker}; Millrace: ${modeText(options)}`,
    ...all.flatMap((runs) => [
      `\n${formatNumber(runs.loaded.rows)} events of ${formatNumber(runs.loaded.bytes / runs.loaded.rows)} bytes on average`,
      runsTable(runs),
      ...runs.millrace.map(cpuByProcess),
    ]),
    `\n${formatTargets(targets)}`,
  ].join('\n');
  const results = {
    broker,
    sizes: all.map((runs) => ({ ...runs, ratios: runs.millrace.map((run) => ratioOf(run, runs)) })),
    targets: targets.map((target) => ({ ...target, met: targetMet(target) })),
  };
  return { text, results };
}

function modeText({ mode }: BenchOptions): string {
  return mode === 'standalone'
    ? 'standalone, all services in one process'
    : 'aggregator, 2 leaves, extractor and runner, each its own process';
}

/** The yardstick of a run: the median of the loads around it. */
function yardstick({ duckdbLoads }: IngestRuns): number {
  return medianOf(duckdbLoads.map(rowsPerCpuSecond));
}

function ratioOf(result: PartResult, runs: IngestRuns): number {
  return rowsPerCpuSecond(result) / yardstick(runs);
}

function rowsPerCpuSecond({ rows, cpuSeconds }: PartResult): number {
  return rows / cpuSeconds;
}

function runsTable(runs: IngestRuns): string {
  const { bytes } = runs.loaded;
  const named: (readonly [string, PartResult])[] = [
    ...runs.millrace.map((run) => [`Millrace, ${run.storage}, ${run.state}`, run] as const),
    ...runs.duckdbLoads.map((run) => ['plain DuckDB thread', run] as const),
    ...Object.entries(runs.parts),
  ];
  const columns = ['rows/s', 'rows/CPU s', 'ratio', 'MB/s', 's', 'CPU s', 'RSS MB'].map((title) => ({
    title,
  }));
  return textTable(
    [{ title: 'work', align: 'left' }, ...columns],
    named.map(([name, run]) => [
      name,
      formatNumber(run.rows / run.seconds),
      formatNumber(rowsPerCpuSecond(run)),
      formatNumber(ratioOf(run, runs), 2),
      formatMegabytes(bytes / run.seconds),
      formatNumber(run.seconds, 2),
      formatNumber(run.cpuSeconds, 2),
      formatMegabytes(run.peakRssBytes),
    ]),
  );
}

function cpuByProcess({ storage, state, byProcess, settleCpuSeconds }: MillraceRun): string {
  const shares = byProcess.map(({ name, cpuSeconds }) => `${name} ${formatNumber(cpuSeconds, 2)}`);
  return `CPU s, ${storage}, ${state}: ${shares.join(', ')}; after the last row: ${formatNumber(settleCpuSeconds, 2)}`;
}

function ratioTargets(runs: IngestRuns): Target[] {
  const size = `${formatNumber(runs.loaded.rows)} rows`;
  return runs.millrace.flatMap((run): Target[] => [
    {
      what: `${run.storage}, ${run.state}, ${size}: rows per CPU second against a plain DuckDB thread`,
      value: ratioOf(run, runs),
      limit: ratioMin[run.storage],
      direction: 'at least',
    },
    {
      what: `${run.storage}, ${run.state}, ${size}: peak RSS of all services, bytes`,
      value: run.peakRssBytes,
      limit: peakRssBytesMax,
      direction: 'at most',
    },
  ]);
}

/** How times and CPU grow from the smaller to the larger size, each against the growth of the rows. */
function growthTargets([base, large]: readonly IngestRuns[]): Target[] {
  if (base === undefined || large === undefined) return [];
  const factor = large.loaded.rows / base.loaded.rows;
  return large.millrace.flatMap((run) => {
    const before = base.millrace.find(({ storage, state }) => storage === run.storage && state === run.state);
    if (before === undefined) return [];
    const growth = (what: string, value: number): Target => ({
      what: `${run.storage}, ${run.state}: ${what} of ${factor} times the rows`,
      value,
      limit: factor * growthMax,
      direction: 'at most',
    });
    return [
      growth('time', run.seconds / before.seconds),
      growth('CPU time', run.cpuSeconds / before.cpuSeconds),
    ];
  });
}
