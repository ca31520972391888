import type { OptionSpecs } from './options.ts';

/** Options of the services that hold a DuckDB engine. */
export const engineOptions = {
  engineThreads: { type: 'integer', help: 'threads of the query engine', default: 2, min: 1, max: 256 },
  engineMemoryMb: {
    type: 'integer',
    help: 'memory of the query engine, beyond which it spills to disk',
    default: 1024,
    unit: 'megabytes',
    min: 64,
  },
} as const satisfies OptionSpecs;

const megabyte = 1024 * 1024;

/** The settings of an engine from its options. */
export function engineSettings(
  options: { readonly engineThreads: number; readonly engineMemoryMb: number },
  tempDirectory: string,
): { threads: number; memoryLimitBytes: number; tempDirectory: string } {
  return {
    threads: options.engineThreads,
    memoryLimitBytes: options.engineMemoryMb * megabyte,
    tempDirectory,
  };
}
