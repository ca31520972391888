import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/** What one part of the work took, done alone in a process of its own. Preparations are not in it. */
export interface PartResult {
  readonly rows: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakRssBytes: number;
}

export interface PartInputs {
  'duckdb-load': { readonly ndjsonFile: string; readonly databaseFile: string };
  'fetch-only': { readonly brokers: string; readonly topic: string };
  'extract-only': { readonly brokers: string; readonly topic: string };
  'slice-load': { readonly ndjsonFile: string; readonly directory: string; readonly sliceRows: number };
}

export async function runPart<Name extends keyof PartInputs>(
  name: Name,
  input: PartInputs[Name],
): Promise<PartResult> {
  const main = fileURLToPath(new URL(`${name}.ts`, import.meta.url));
  const child = spawn(process.execPath, [main, JSON.stringify(input)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, UV_THREADPOOL_SIZE: '16' },
  });
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  if (code !== 0) throw new Error(`${name} ended with status ${code}`);
  return JSON.parse(output) as PartResult;
}
