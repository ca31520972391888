/** Benchmarks: see docs/reference/performance.md. */
import { takeNodeWarnings } from '@millrace/runtime/node-warnings';
import { runFreshness } from './freshness.ts';
import { runIngest } from './ingest.ts';
import { type BenchmarkName, type BenchOptions, parseOptions, usage } from './options.ts';
import { Progress } from './progress.ts';
import { runQuery } from './query.ts';
import { machine, type Report, writeResults } from './report.ts';
import { runScale } from './scale.ts';

type Benchmark = (options: BenchOptions, progress: Progress) => Promise<Report>;

const runs = {
  ingest: runIngest,
  freshness: runFreshness,
  query: runQuery,
  scale: runScale,
} as const satisfies Record<BenchmarkName, Benchmark>;

function optionsOrExit(): BenchOptions {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${usage}`);
    process.exit(2);
  }
}

takeNodeWarnings();

if (process.platform !== 'linux') {
  process.stderr.write('the benchmarks read CPU time and memory from /proc, so they need Linux\n');
  process.exit(2);
}
const options = optionsOrExit();
const progress = new Progress();
const { cores, cpu, load } = machine();
if (load > cores / 2)
  progress.step(`other programs are busy (load ${load.toFixed(1)}): trust ratios, not times`);
const reports = new Map<BenchmarkName, Report>();
for (const name of options.benchmarks) {
  const report = await runs[name](options, progress);
  reports.set(name, report);
  console.log(`\n${name}, on ${cores} cores (${cpu}), load ${load.toFixed(1)} before\n${report.text}\n`);
}
const name = options.benchmarks.length > 1 ? 'all' : (options.benchmarks[0] ?? 'all');
const { jsonFile, ...settings } = options;
console.log(`results in ${writeResults(reports, { name, file: jsonFile, settings })}`);
