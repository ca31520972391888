import { isMillraceError } from '@millrace/errors/millrace-error';
import { isReportedAttempt, retry } from '@millrace/runtime/backoff';
import type { Logger } from '@millrace/runtime/logger';
import type { Decision, Leaves } from '../leaves/leaf-port.ts';

/** Of an abort; they last about as long as a leaf waits in silence before it asks for the outcome itself. */
const abortAttemptsMax = 20;
/** They last for five seconds, in which a leaf is back that only restarted, or had to find the aggregator again. */
const awayAttempts = 8;

/**
 * Tells leaves the outcome of transactions until they confirm. A commit is repeated until the leaf is back. An abort ends
 * when the leaf is gone, since a leaf tells what it has prepared when it comes back; as long as it is a member and only
 * cannot be reached it is told again, for it holds locks until it knows.
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

  /**
   * Resolves to whether all leaves know: false only when deliveries were stopped. Of an abort nobody has to wait for more
   * than one attempt: the others go on in the background. Never rejects.
   */
  deliver(
    transactionId: bigint,
    decision: Decision,
    leafIds: readonly string[],
    onConfirmed: () => void | Promise<void> = () => {},
  ): Promise<boolean> {
    return Promise.all(
      leafIds.map((leafId) => this.#deliverTo(leafId, transactionId, decision, onConfirmed)),
    ).then((confirmed) => confirmed.every(Boolean));
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all(this.#open);
  }

  #deliverTo(
    leafId: string,
    transactionId: bigint,
    decision: Decision,
    onConfirmed: () => void | Promise<void>,
  ): Promise<boolean> {
    const { signal } = this.#stopped;
    const { promise: failedOnce, resolve: failed } = Promise.withResolvers<boolean>();
    const told = retry(
      {
        attemptsMax: decision === 'commit' ? Number.POSITIVE_INFINITY : abortAttemptsMax,
        delayMsMin: 50,
        delayMsMax: 2_000,
        signal,
        isRetryable: (error) =>
          decision === 'commit' || !isMillraceError(error, 'LEAF_UNAVAILABLE') || this.#isConnected(leafId),
        onRetry: (error, attempt) => {
          if (decision === 'abort') failed(true);
          if (!isReportedAttempt(attempt)) return;
          const expected = attempt < awayAttempts && !this.#isConnected(leafId);
          this.#logger[expected ? 'debug' : 'warn']('transaction outcome not delivered yet', {
            transactionId,
            decision,
            leafId,
            attempt,
            error,
          });
        },
      },
      () => this.#leaves.connected(leafId).decide(transactionId, decision, signal),
    ).then(
      async () => {
        await onConfirmed();
        return true;
      },
      () => !signal.aborted,
    );
    this.#open.add(told);
    void told.finally(() => this.#open.delete(told));
    return Promise.race([told, failedOnce]);
  }

  #isConnected(leafId: string): boolean {
    try {
      this.#leaves.connected(leafId);
      return true;
    } catch {
      return false;
    }
  }
}
