import { isMillraceError } from '@millrace/errors/millrace-error';
import { retry } from '@millrace/runtime/backoff';

/**
 * Plans and runs, again when the schema changed in between or a leaf has not heard of a change yet. `attempt` must plan
 * anew each time.
 */
export function replanOnSchemaChange<T>(signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
  return retry(
    {
      attemptsMax: 5,
      delayMsMin: 20,
      delayMsMax: 500,
      signal,
      isRetryable: (error) => isMillraceError(error, 'SCHEMA_CHANGED'),
    },
    attempt,
  );
}
