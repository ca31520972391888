import { isMillraceError } from '@millrace/errors/millrace-error';
import { sleep } from '@millrace/runtime/backoff';
import type { StatementContext } from './statement-handler.ts';

/** A read may learn before the registry does that a leaf has died: their connections break one after the other. */
const noticeMs = 100;

/**
 * Runs a read, and once more when a leaf went away before the first row and is back, perhaps at another address. `attempt`
 * must have sent nothing to the client when it rejects. A leaf that is not expected back fails the read at once.
 */
export async function repeatAfterLeafLoss<T>(
  { services, signal }: Pick<StatementContext, 'services' | 'signal'>,
  attempt: () => Promise<T>,
): Promise<T> {
  try {
    return await attempt();
  } catch (error) {
    if (!isMillraceError(error, 'LEAF_UNAVAILABLE')) throw error;
    // With a cause it is the end of a call; without one the registry itself says that the leaf is away.
    if (error.cause !== undefined) await sleep(noticeMs, signal);
    await services.registry.leavesReturned(signal);
    signal.throwIfAborted();
    return attempt();
  }
}
