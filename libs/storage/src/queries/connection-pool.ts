import type { Engine, EngineConnection } from '@millrace/engine/duckdb-instance';
import { MillraceError } from '@millrace/errors/millrace-error';

export interface ConnectionPoolOptions {
  /** Queries that run at a time. */
  readonly connectionsMax: number;
  /** Queries that wait for one; more are refused. */
  readonly waitingMax: number;
}

/** A connection for one query; `release` gives it back, once. */
export interface ConnectionLease {
  readonly connection: EngineConnection;
  readonly release: () => void;
}

interface Waiter {
  readonly grant: () => void;
  readonly refuse: (error: MillraceError) => void;
}

/** Bounds the queries that run at a time and keeps their connections open between queries. */
export class ConnectionPool {
  readonly #engine: Engine;
  readonly #options: ConnectionPoolOptions;
  readonly #idle: EngineConnection[] = [];
  readonly #waiters: Waiter[] = [];
  #leased = 0;
  #closed = false;

  constructor(engine: Engine, options: ConnectionPoolOptions) {
    this.#engine = engine;
    this.#options = options;
  }

  /** Throws RESOURCE_LIMIT when too many wait already, SHUTTING_DOWN when closed, QUERY_KILLED when `signal` aborts. */
  async acquire(signal: AbortSignal): Promise<ConnectionLease> {
    if (this.#closed) throw new MillraceError('SHUTTING_DOWN', 'the leaf is stopping');
    if (this.#leased >= this.#options.connectionsMax) await this.#wait(signal);
    else this.#leased += 1;
    try {
      return this.#lease(this.#idle.pop() ?? (await this.#engine.connect()));
    } catch (error) {
      this.#passOn();
      throw error;
    }
  }

  /** Refuses whoever waits and closes idle connections; leased ones close when they are given back. */
  close(): void {
    this.#closed = true;
    for (const waiter of this.#waiters.splice(0)) {
      waiter.refuse(new MillraceError('SHUTTING_DOWN', 'the leaf is stopping'));
    }
    for (const connection of this.#idle.splice(0)) connection.close();
  }

  #lease(connection: EngineConnection): ConnectionLease {
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      if (this.#closed) connection.close();
      else this.#idle.push(connection);
      this.#passOn();
    };
    return { connection, release };
  }

  /** Hands the place of a finished query to the next in line. */
  #passOn(): void {
    const next = this.#waiters.shift();
    if (next === undefined) this.#leased -= 1;
    else next.grant();
  }

  #wait(signal: AbortSignal): Promise<void> {
    if (this.#waiters.length >= this.#options.waitingMax) {
      throw new MillraceError(
        'RESOURCE_LIMIT',
        `${this.#options.waitingMax} queries wait on this leaf already`,
      );
    }
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        reject(new MillraceError('QUERY_KILLED', 'interrupted while waiting for other queries'));
      };
      const settle = (finish: () => void): void => {
        signal.removeEventListener('abort', onAbort);
        finish();
      };
      const waiter: Waiter = {
        grant: () => settle(resolve),
        refuse: (error) => settle(() => reject(error)),
      };
      this.#waiters.push(waiter);
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
    });
  }
}
