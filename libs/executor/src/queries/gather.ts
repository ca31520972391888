import { type FileHandle, open as openFile } from 'node:fs/promises';
import { MillraceError } from '@millrace/errors/millrace-error';
import { fileErrorOf } from '@millrace/runtime/file-error';
import { engineBatchBytes } from '@millrace/values/engine-batch';
import type { EngineRows, LeafClient, LeafQuery } from '../leaves/leaf-port.ts';
import type { GatheredRelation } from './merge-engine.ts';

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

/**
 * Runs the tasks and brings their rows into a relation, whose table must be there when `ready` resolves. The first failure
 * ends the others.
 */
export async function gatherRows(
  tasks: readonly LeafTask[],
  relation: GatheredRelation,
  ready: Promise<void>,
  budget: GatherBudget,
  signal: AbortSignal,
): Promise<void> {
  const failed = new AbortController();
  const both = AbortSignal.any([signal, failed.signal]);
  let firstError: unknown;
  await Promise.all(
    tasks.map(async ({ leaf, query }) => {
      try {
        await receive(leaf.queryRows(query, both), relation, ready, budget);
      } catch (error) {
        firstError ??= error;
        failed.abort(error);
      }
    }),
  );
  if (firstError !== undefined) throw firstError;
}

async function receive(
  pieces: AsyncIterable<EngineRows>,
  relation: GatheredRelation,
  ready: Promise<void>,
  budget: GatherBudget,
): Promise<void> {
  let file: FileHandle | undefined;
  try {
    for await (const piece of pieces) {
      if (piece.kind === 'batch') {
        budget.take(engineBatchBytes(piece.batch));
        await ready;
        await relation.append(piece.batch);
      } else {
        budget.take(piece.bytes.byteLength);
        file ??= await openFile(await relation.newFile(), 'w').catch(refuse);
        await file.writeFile(piece.bytes).catch(refuse);
      }
    }
  } finally {
    await file?.close();
  }
}

function refuse(error: unknown): never {
  throw fileErrorOf(error, 'gathering rows at the aggregator');
}
