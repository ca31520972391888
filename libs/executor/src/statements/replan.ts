import { isMillraceError } from '@millrace/errors/millrace-error';
import { sleep } from '@millrace/runtime/backoff';
import type { StatementContext } from './statement-handler.ts';

const attemptsMax = 10;
const delayMsStep = 10;

/**
 * Plans and runs, again when the schema changed in between or a leaf has not heard of a change yet. `attempt` must plan
 * anew each time.
 */
export async function replanOnSchemaChange<T>(
  { services, signal }: Pick<StatementContext, 'services' | 'signal'>,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let number = 1; ; number += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (number >= attemptsMax || !isMillraceError(error, 'SCHEMA_CHANGED')) throw error;
      await services.distribution.settled();
      await sleep(delayMsStep * number, signal);
    }
  }
}
