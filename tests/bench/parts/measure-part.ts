import type { PartInputs, PartResult } from './part-process.ts';

/** What this process was asked to do. */
export function partInput<Name extends keyof PartInputs>(_name: Name): PartInputs[Name] {
  return JSON.parse(process.argv[2] ?? '') as PartInputs[Name];
}

/** Measures `work`, which gives the number of rows, and prints the result for the process that asked. */
export async function measurePart(work: () => Promise<number>): Promise<void> {
  const startMs = performance.now();
  const startCpu = process.cpuUsage();
  const rows = await work();
  const { user, system } = process.cpuUsage(startCpu);
  const result: PartResult = {
    rows,
    seconds: (performance.now() - startMs) / 1000,
    cpuSeconds: (user + system) / 1e6,
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
  };
  process.stdout.write(JSON.stringify(result));
}
