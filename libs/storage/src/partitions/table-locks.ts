import { MillraceError } from '@millrace/errors/millrace-error';

/** `shared`: appends that cannot conflict; `exclusive`: everything else that writes. Readers take no lock. */
export type LockMode = 'shared' | 'exclusive';

/**
 * Not a table: a lock that every writing engine transaction of the partition holds `shared`, so that work which needs
 * the partition without any can hold it `exclusive`. Its id sorts before all tables.
 */
export const partitionGate = -1n;

interface Waiter {
  readonly mode: LockMode;
  readonly grant: () => void;
}

interface Lock {
  mode: LockMode;
  holders: number;
  readonly waiters: Waiter[];
}

export interface LockWait {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Releases what was granted; calling it twice does nothing. */
export type Release = () => void;

/** Write locks of the tables of one partition, granted first come, first served. */
export class TableLocks {
  readonly #locks = new Map<bigint, Lock>();

  /**
   * Takes several locks, in the order of their table ids so that two transactions of this partition cannot block each
   * other. Throws LOCK_TIMEOUT, or the signal's reason when it aborts; nothing is then held.
   */
  async acquireAll(wanted: ReadonlyMap<bigint, LockMode>, wait: LockWait): Promise<Release> {
    const releases: Release[] = [];
    const releaseAll = (): void => {
      for (const release of releases.splice(0)) release();
    };
    try {
      for (const [tableId, mode] of [...wanted].sort(([left], [right]) => (left < right ? -1 : 1))) {
        releases.push(await this.#acquire(tableId, mode, wait));
      }
      return releaseAll;
    } catch (error) {
      releaseAll();
      throw error;
    }
  }

  async acquire(tableId: bigint, mode: LockMode, wait: LockWait): Promise<Release> {
    return this.acquireAll(new Map([[tableId, mode]]), wait);
  }

  #acquire(tableId: bigint, mode: LockMode, wait: LockWait): Promise<Release> {
    const lock = this.#locks.get(tableId) ?? { mode, holders: 0, waiters: [] };
    this.#locks.set(tableId, lock);
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      lock.holders -= 1;
      this.#grantNext(tableId, lock);
    };
    if (lock.waiters.length === 0 && isCompatible(lock, mode)) {
      lock.mode = mode;
      lock.holders += 1;
      return Promise.resolve(release);
    }
    return this.#enqueue(tableId, lock, mode, wait).then(() => release);
  }

  #enqueue(tableId: bigint, lock: Lock, mode: LockMode, { timeoutMs, signal }: LockWait): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      const waiter: Waiter = {
        mode,
        grant: () => {
          finish();
          resolve();
        },
      };
      const giveUp = (error: unknown): void => {
        finish();
        lock.waiters.splice(lock.waiters.indexOf(waiter), 1);
        // Those behind may be compatible with the holders although this one was not.
        this.#grantNext(tableId, lock);
        reject(error);
      };
      const onAbort = (): void => giveUp(abortReason(signal));
      const timer = setTimeout(() => {
        giveUp(
          new MillraceError('LOCK_TIMEOUT', `write lock of the table was not granted within ${timeoutMs} ms`),
        );
      }, timeoutMs);
      lock.waiters.push(waiter);
      if (signal?.aborted) onAbort();
      else signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  #grantNext(tableId: bigint, lock: Lock): void {
    for (;;) {
      const next = lock.waiters[0];
      if (next === undefined || !isCompatible(lock, next.mode)) break;
      lock.waiters.shift();
      lock.mode = next.mode;
      lock.holders += 1;
      next.grant();
    }
    if (lock.holders === 0 && lock.waiters.length === 0) this.#locks.delete(tableId);
  }
}

function isCompatible(lock: Lock, mode: LockMode): boolean {
  return lock.holders === 0 || (lock.mode === 'shared' && mode === 'shared');
}

function abortReason(signal: AbortSignal | undefined): MillraceError {
  const reason: unknown = signal?.reason;
  return reason instanceof MillraceError
    ? reason
    : new MillraceError('QUERY_KILLED', 'interrupted while waiting for a lock', { cause: reason });
}
