import { setTimeout as sleep } from 'node:timers/promises';
import type { SqlClient } from './sql-client.ts';

/** A query that failed, and with what. */
export interface Failure {
  readonly sql: string;
  readonly message: string;
}

/** Asks all the time, as an application does that repeats a query once. */
export class QueryLoop {
  asked = 0;
  readonly repeated: Failure[] = [];
  readonly failedTwice: Failure[] = [];
  readonly #connect: () => Promise<SqlClient>;
  readonly #queries: readonly string[];
  readonly #stop = new AbortController();
  #ended: Promise<void> | undefined;

  constructor(connect: () => Promise<SqlClient>, queries: readonly string[]) {
    this.#connect = connect;
    this.#queries = queries;
  }

  start(): void {
    this.#ended = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }

  async #run(): Promise<void> {
    let client: SqlClient | undefined;
    while (!this.#stop.signal.aborted) {
      const sql = this.#queries[this.asked % this.#queries.length] ?? '';
      this.asked += 1;
      for (const failures of [this.repeated, this.failedTwice]) {
        // An aggregator that restarts is asked again as soon as it takes connections.
        client ??= await this.#connected();
        const error: unknown = await client.rows(sql).then(
          () => undefined,
          (caught: unknown) => caught,
        );
        if (error === undefined) break;
        failures.push({ sql, message: error instanceof Error ? error.message : String(error) });
        await client.close();
        client = undefined;
      }
      await sleep(20);
    }
    await client?.close();
  }

  async #connected(): Promise<SqlClient> {
    for (;;) {
      const client = await this.#connect().catch(() => undefined);
      if (client !== undefined) return client;
      await sleep(50);
    }
  }
}
