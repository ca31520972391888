/** The answer that at most one request waits for. */
export class PendingAnswer<T> {
  #waiter: { resolve(value: T): void; reject(error: Error): void } | undefined;

  get isAwaited(): boolean {
    return this.#waiter !== undefined;
  }

  /** Waits for the answer; `superseded` ends a wait that is repeated or aborted, because its client has given up on it. */
  wait(signal: AbortSignal, superseded: () => Error): Promise<T> {
    this.reject(superseded());
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const waiter = { resolve, reject };
    this.#waiter = waiter;
    const abandon = () => {
      if (this.#waiter === waiter) this.reject(superseded());
    };
    if (signal.aborted) abandon();
    signal.addEventListener('abort', abandon, { once: true });
    return promise.finally(() => signal.removeEventListener('abort', abandon));
  }

  resolve(value: T): void {
    this.#waiter?.resolve(value);
    this.#waiter = undefined;
  }

  reject(error: Error): void {
    this.#waiter?.reject(error);
    this.#waiter = undefined;
  }
}
