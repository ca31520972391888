import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BenchmarkName } from './options.ts';

const resultsDirectory = fileURLToPath(new URL('results', import.meta.url));

/** What a benchmark found: text for people, and everything measured. */
export interface Report {
  readonly text: string;
  readonly results: Readonly<Record<string, unknown>>;
}

/** A number that the project promises, and whether this run kept to it. */
export interface Target {
  readonly what: string;
  readonly value: number;
  readonly limit: number;
  readonly direction: 'at least' | 'at most';
}

export function targetMet({ value, limit, direction }: Target): boolean {
  return direction === 'at least' ? value >= limit : value <= limit;
}

export function formatTargets(targets: readonly Target[]): string {
  return targets
    .map((target) => {
      const { what, value, limit, direction } = target;
      const verdict = targetMet(target) ? 'met   ' : 'MISSED';
      return `${verdict}  ${what}: ${Number(value.toPrecision(3))} (${direction} ${limit})`;
    })
    .join('\n');
}

/** What the numbers depend on. */
export function machine() {
  const [cpu] = cpus();
  return {
    cores: cpus().length,
    cpu: cpu?.model ?? 'unknown',
    memoryBytes: totalmem(),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    /** Programs that want to run, on average over the last minute: with the benchmark's own, about the number of cores. */
    load: loadavg()[0] ?? 0,
  };
}

/** Writes the results as JSON and gives the file's name. */
export function writeResults(
  reports: ReadonlyMap<BenchmarkName, Report>,
  options: { readonly name: string; readonly file: string | undefined; readonly settings: unknown },
): string {
  const date = new Date().toISOString();
  const file =
    options.file ?? join(resultsDirectory, `${options.name}-${date.replaceAll(/[:.]/g, '-')}.json`);
  mkdirSync(dirname(file), { recursive: true });
  const results = Object.fromEntries([...reports].map(([name, report]) => [name, report.results]));
  const content = { date, machine: machine(), settings: options.settings, results };
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
  return file;
}
