import { createReadStream } from 'node:fs';
import { bulkChunkBytes } from '@millrace/rpc/limits';
import type { Leaves } from '../leaves/leaf-port.ts';

/** A slice and the partition it goes to. */
export interface Delivery {
  readonly leafId: string;
  readonly ordinal: number;
  readonly path: string;
  /** Unique at its leaf within the transaction. */
  readonly slice: string;
}

export interface StageOrder {
  readonly leaves: Leaves;
  readonly transactionId: bigint;
  readonly databaseId: bigint;
  readonly tableId: bigint;
  readonly signal: AbortSignal;
}

/** Sends slices to the leaves that need them; rejects when all have ended and one failed. */
export async function stageSlices(order: StageOrder, deliveries: readonly Delivery[]): Promise<void> {
  const { leaves, signal, ...header } = order;
  // Async, so that a leaf that is away counts as a failure like any other and the rest is still waited for.
  const stageOne = async ({ leafId, ordinal, path, slice }: Delivery): Promise<void> => {
    await leaves.online(leafId).stage({ ...header, ordinal, slice }, contentOf(path), signal);
  };
  const settled = await Promise.allSettled(deliveries.map(stageOne));
  for (const outcome of settled) if (outcome.status === 'rejected') throw outcome.reason;
}

/** Opens the file when somebody reads: a stream that nobody reads would report its failure to nobody, which ends the process. */
async function* contentOf(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  yield* createReadStream(path, { highWaterMark: bulkChunkBytes });
}
