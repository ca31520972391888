import { MillraceError } from '@millrace/errors/millrace-error';

export type LockMode = 'shared' | 'exclusive';

/** What a transaction locks: one table in one database partition. */
export interface LockRequest {
  readonly tableId: bigint;
  readonly ordinal: number;
  readonly mode: LockMode;
}

export interface LockWait {
  /** Milliseconds until LOCK_TIMEOUT, over all requested locks together. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

interface Waiter {
  readonly mode: LockMode;
  readonly grant: () => void;
}

interface Entry {
  shared: number;
  exclusive: boolean;
  readonly queue: Waiter[];
}

/**
 * Locks that order transactions before they reach the leaves: two transactions that write the same partitions of a table
 * would otherwise prepare them in different orders and wait for each other. Grants are first come, first served (a
 * shared request waits behind a queued exclusive one), and every caller takes its locks in the same order, so there
 * are no deadlocks.
 */
export class LockTable {
  readonly #entries = new Map<string, Entry>();

  /**
   * Takes all locks, and returns what releases them. Throws LOCK_TIMEOUT, or the signal's reason; nothing is then held.
   */
  async acquire(requests: readonly LockRequest[], wait: LockWait): Promise<() => void> {
    const held: { key: string; mode: LockMode }[] = [];
    const release = () => {
      for (const { key, mode } of held.splice(0)) this.#release(key, mode);
    };
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), wait.timeoutMs);
    try {
      for (const { key, mode, request } of ordered(requests)) {
        await this.#take(key, request, AbortSignal.any([wait.signal, timeout.signal]), wait);
        held.push({ key, mode });
      }
      return release;
    } catch (error) {
      release();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #take(key: string, request: LockRequest, signal: AbortSignal, wait: LockWait): Promise<void> {
    wait.signal.throwIfAborted();
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = { shared: 0, exclusive: false, queue: [] };
      this.#entries.set(key, entry);
    }
    if (entry.queue.length === 0 && isFree(entry, request.mode)) {
      hold(entry, request.mode);
      return;
    }
    const { queue } = entry;
    await new Promise<void>((resolve, reject) => {
      const abort = () => {
        queue.splice(queue.indexOf(waiter), 1);
        // Shared requests behind a withdrawn exclusive one may go now.
        this.#grant(key);
        reject(wait.signal.aborted ? wait.signal.reason : timeoutOf(request, wait.timeoutMs));
      };
      const waiter: Waiter = {
        mode: request.mode,
        grant: () => {
          signal.removeEventListener('abort', abort);
          resolve();
        },
      };
      queue.push(waiter);
      signal.addEventListener('abort', abort, { once: true });
      if (signal.aborted) abort();
    });
  }

  #release(key: string, mode: LockMode): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    if (mode === 'exclusive') entry.exclusive = false;
    else entry.shared -= 1;
    this.#grant(key);
  }

  #grant(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    for (
      let first = entry.queue[0];
      first !== undefined && isFree(entry, first.mode);
      first = entry.queue[0]
    ) {
      entry.queue.shift();
      hold(entry, first.mode);
      first.grant();
    }
    if (entry.queue.length === 0 && isFree(entry, 'exclusive')) this.#entries.delete(key);
  }
}

function isFree(entry: Entry, mode: LockMode): boolean {
  return !entry.exclusive && (mode === 'shared' || entry.shared === 0);
}

function hold(entry: Entry, mode: LockMode): void {
  if (mode === 'exclusive') entry.exclusive = true;
  else entry.shared += 1;
}

/** One request per lock, the stronger mode where both are asked for, in the order that all callers share. */
function ordered(
  requests: readonly LockRequest[],
): { readonly key: string; readonly mode: LockMode; readonly request: LockRequest }[] {
  const strongest = new Map<string, LockRequest>();
  for (const request of requests) {
    const key = `${request.tableId}/${request.ordinal}`;
    if (strongest.get(key)?.mode !== 'exclusive') strongest.set(key, request);
  }
  return [...strongest.entries()]
    .sort(([, a], [, b]) =>
      a.tableId === b.tableId ? a.ordinal - b.ordinal : a.tableId < b.tableId ? -1 : 1,
    )
    .map(([key, request]) => ({ key, mode: request.mode, request }));
}

function timeoutOf(request: LockRequest, timeoutMs: number): MillraceError {
  return new MillraceError(
    'LOCK_TIMEOUT',
    `no lock on partition ${request.ordinal} of table ${request.tableId} within ${timeoutMs} ms`,
  );
}
