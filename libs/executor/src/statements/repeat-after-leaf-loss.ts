import { isMillraceError } from '@millrace/errors/millrace-error';
import type { StatementContext } from './statement-handler.ts';

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
    await services.registry.leavesReturned(signal);
    signal.throwIfAborted();
    return attempt();
  }
}
