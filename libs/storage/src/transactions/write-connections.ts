import type { Engine, EngineConnection } from '@millrace/engine/duckdb-instance';

const idleMax = 16;

/** Connections for transactions, kept open between them; how many are in use is bounded by the transactions. */
export class WriteConnections {
  readonly #engine: Engine;
  readonly #idle: EngineConnection[] = [];
  #closed = false;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async take(): Promise<EngineConnection> {
    return this.#idle.pop() ?? (await this.#engine.connect());
  }

  /** Takes back a connection without an open transaction. */
  give(connection: EngineConnection): void {
    if (this.#closed || this.#idle.length >= idleMax) connection.close();
    else this.#idle.push(connection);
  }

  close(): void {
    this.#closed = true;
    for (const connection of this.#idle.splice(0)) connection.close();
  }
}
