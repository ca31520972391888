/** Waits, or rejects with the signal's reason as soon as it aborts. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', abort, { once: true });
  });
}

export interface RetryOptions {
  /** Attempts in all; Infinity goes on until the signal aborts. */
  readonly attemptsMax: number;
  readonly delayMsMin: number;
  readonly delayMsMax: number;
  readonly signal?: AbortSignal | undefined;
  /** Whether trying again can help; errors that answer false are thrown at once. */
  readonly isRetryable: (error: unknown) => boolean;
  /** Told before each wait, so that callers can log with rising urgency. */
  readonly onRetry?: (error: unknown, attempt: number, delayMs: number) => void;
  /** 0 ≤ x < 1; injected by tests. */
  readonly random?: () => number;
}

/** The wait after a number of failures, from 1: doubled each time up to the maximum, spread by up to a quarter. */
export function backoffMs(
  options: Pick<RetryOptions, 'delayMsMin' | 'delayMsMax' | 'random'>,
  failures: number,
): number {
  const base = Math.min(options.delayMsMax, options.delayMsMin * 2 ** Math.min(failures - 1, 30));
  return base * (1 + (options.random ?? Math.random)() / 4);
}

/** Runs `attempt` until it succeeds, with waits by {@link backoffMs} between the attempts. */
export async function retry<T>(
  options: RetryOptions,
  attempt: (attemptNumber: number) => Promise<T>,
): Promise<T> {
  for (let number = 1; ; number += 1) {
    try {
      return await attempt(number);
    } catch (error) {
      if (number >= options.attemptsMax || options.signal?.aborted === true || !options.isRetryable(error))
        throw error;
      const delayMs = backoffMs(options, number);
      options.onRetry?.(error, number, delayMs);
      await sleep(delayMs, options.signal);
    }
  }
}

/** Whether a failed attempt deserves a line in the log: the first, then at growing distances. */
export function isReportedAttempt(attempt: number): boolean {
  return attempt > 0 && (attempt & (attempt - 1)) === 0;
}
