import { isMillraceError } from '@millrace/errors/millrace-error';
import { isReportedAttempt, retry } from '@millrace/runtime/backoff';
import type { Logger } from '@millrace/runtime/logger';
import type { Decision, Leaves } from '../leaves/leaf-port.ts';

/**
 * Tells leaves the outcome of transactions until they confirm. A commit is repeated until the leaf is back; an abort ends
 * when the leaf is gone, since a leaf asks for the outcome of what it finds prepared when it comes back.
 */
export class DecisionDelivery {
  readonly #leaves: Leaves;
  readonly #logger: Logger;
  readonly #stopped = new AbortController();
  readonly #open = new Set<Promise<boolean>>();

  constructor(leaves: Leaves, logger: Logger) {
    this.#leaves = leaves;
    this.#logger = logger;
  }

  /** Resolves to whether all leaves know: false only when deliveries were stopped. Never rejects. */
  deliver(
    transactionId: bigint,
    decision: Decision,
    leafIds: readonly string[],
    onConfirmed: () => void | Promise<void> = () => {},
  ): Promise<boolean> {
    const delivery = Promise.all(
      leafIds.map((leafId) => this.#deliverTo(leafId, transactionId, decision, onConfirmed)),
    ).then((confirmed) => confirmed.every(Boolean));
    this.#open.add(delivery);
    return delivery.finally(() => this.#open.delete(delivery));
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all(this.#open);
  }

  async #deliverTo(
    leafId: string,
    transactionId: bigint,
    decision: Decision,
    onConfirmed: () => void | Promise<void>,
  ): Promise<boolean> {
    const { signal } = this.#stopped;
    try {
      await retry(
        {
          attemptsMax: Number.POSITIVE_INFINITY,
          delayMsMin: 50,
          delayMsMax: 2_000,
          signal,
          isRetryable: (error) => decision === 'commit' || !isMillraceError(error, 'LEAF_UNAVAILABLE'),
          onRetry: (error, attempt) => {
            if (!isReportedAttempt(attempt)) return;
            this.#logger.warn('transaction outcome not delivered yet', {
              transactionId,
              decision,
              leafId,
              attempt,
              error,
            });
          },
        },
        () => this.#leaves.connected(leafId).decide(transactionId, decision, signal),
      );
    } catch {
      return !signal.aborted;
    }
    await onConfirmed();
    return true;
  }
}
