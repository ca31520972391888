import { createReadStream } from 'node:fs';
import { bulkChunkBytes } from '@millrace/rpc/limits';
import type { Leaves } from '../leaves/leaf-port.ts';
import type { TransactionCoordinator } from '../transactions/transaction-coordinator.ts';

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
  readonly coordinator: Pick<TransactionCoordinator, 'begin' | 'abandon'>;
  readonly databaseId: bigint;
  readonly tableId: bigint;
  readonly signal: AbortSignal;
}

/**
 * Begins a transaction and sends its slices to the leaves that need them; resolves to the transaction's id. When one failed,
 * it rejects after all have ended, and nothing is left of the transaction.
 */
export async function beginWithSlices(order: StageOrder, deliveries: readonly Delivery[]): Promise<bigint> {
  const { coordinator } = order;
  const transactionId = coordinator.begin();
  try {
    await stageSlices(transactionId, order, deliveries);
  } catch (error) {
    await coordinator.abandon(transactionId, [...new Set(deliveries.map(({ leafId }) => leafId))]);
    throw error;
  }
  return transactionId;
}

async function stageSlices(
  transactionId: bigint,
  { leaves, databaseId, tableId, signal }: StageOrder,
  deliveries: readonly Delivery[],
): Promise<void> {
  const header = { transactionId, databaseId, tableId };
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
