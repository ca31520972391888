import { MillraceError } from '@millrace/errors/millrace-error';

interface Waiter {
  readonly bytes: number;
  readonly grant: () => void;
}

/**
 * The memory that concurrent extractions share. Each takes its whole working set once, before it reads anything, so
 * none waits while it holds bytes; waiting is first come, first served.
 */
export class ByteBudget {
  readonly #total: number;
  #free: number;
  readonly #waiting: Waiter[] = [];

  constructor(totalBytes: number) {
    this.#total = totalBytes;
    this.#free = totalBytes;
  }

  /**
   * Waits for `bytes` (at most the whole budget) and returns what gives them back.
   *
   * @throws MillraceError QUERY_KILLED when the signal aborts first.
   */
  async acquire(bytes: number, signal: AbortSignal): Promise<{ readonly bytes: number; release(): void }> {
    const wanted = Math.min(bytes, this.#total);
    if (signal.aborted) throw killed();
    if (this.#waiting.length > 0 || this.#free < wanted) await this.#wait(wanted, signal);
    else this.#free -= wanted;
    let held = true;
    return {
      bytes: wanted,
      release: () => {
        if (!held) return;
        held = false;
        this.#free += wanted;
        this.#grant();
      },
    };
  }

  #wait(bytes: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        bytes,
        grant: () => {
          signal.removeEventListener('abort', abort);
          resolve();
        },
      };
      const abort = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        this.#grant();
        reject(killed());
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#waiting.push(waiter);
    });
  }

  #grant(): void {
    for (let waiter = this.#waiting[0]; waiter !== undefined; waiter = this.#waiting[0]) {
      if (waiter.bytes > this.#free) return;
      this.#free -= waiter.bytes;
      this.#waiting.shift();
      waiter.grant();
    }
  }
}

function killed(): MillraceError {
  return new MillraceError('QUERY_KILLED', 'the extraction was cancelled');
}
