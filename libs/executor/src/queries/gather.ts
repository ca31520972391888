import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { LeafClient, LeafQuery } from '../leaves/leaf-port.ts';

/** What one leaf has to do for a fragment. */
export interface LeafTask {
  readonly leaf: LeafClient;
  readonly query: LeafQuery;
}

/** Counts the bytes that one statement gathers. */
export class GatherBudget {
  #left: number;
  readonly #bytesMax: number;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#left = bytesMax;
  }

  /** Throws RESOURCE_LIMIT when the budget is used up. */
  take(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) {
      throw new MillraceError(
        'RESOURCE_LIMIT',
        `the statement gathers more than ${this.#bytesMax} bytes at the aggregator`,
        { detail: 'limit gather_bytes_max' },
      );
    }
  }
}

/** Runs the tasks and writes each leaf's rows to a Parquet file; returns their paths. The first failure ends the others. */
export async function gatherToFiles(
  tasks: readonly LeafTask[],
  directory: string,
  namePrefix: string,
  budget: GatherBudget,
  signal: AbortSignal,
): Promise<string[]> {
  const failed = new AbortController();
  const both = AbortSignal.any([signal, failed.signal]);
  let firstError: unknown;
  const paths = await Promise.all(
    tasks.map(async ({ leaf, query }, index) => {
      const path = join(directory, `${namePrefix}-${index}.parquet`);
      try {
        await writeStream(leaf.queryParquet(query, both), path, budget);
      } catch (error) {
        firstError ??= error;
        failed.abort(error);
      }
      return path;
    }),
  );
  if (firstError !== undefined) throw firstError;
  return paths;
}

async function writeStream(
  chunks: AsyncIterable<Uint8Array>,
  path: string,
  budget: GatherBudget,
): Promise<void> {
  const file = await open(path, 'w');
  try {
    for await (const chunk of chunks) {
      budget.take(chunk.byteLength);
      await file.writeFile(chunk);
    }
  } finally {
    await file.close();
  }
}
