import { setTimeout as sleep } from 'node:timers/promises';
import type { SqlClient } from '../support/sql-client.ts';
import { GroupLedger } from './id-ledger.ts';

export const rowsPerGroup = 8;
const counterCount = 16;
const writersPerTable = 3;
const pauseMs = 20;
const retryPauseMs = 200;
/** 1815, as mysql2 calls it. */
const internalError = 'ER_INTERNAL_ERROR';

/**
 * A client that writes through SQL all the time, knows what was acknowledged, and reads it back. Its tables: two for
 * groups of rows, spread over the partitions, and `counters`, which every update raises all together.
 */
export class DmlClient {
  readonly #connect: () => Promise<SqlClient>;
  #stopped = new AbortController();
  #work: Promise<unknown>[] = [];
  readonly ledgers = {
    group_rows: new GroupLedger(rowsPerGroup),
    group_columns: new GroupLedger(rowsPerGroup),
  };
  /** What no reader may ever see. */
  readonly violations: string[] = [];
  raisesAcknowledged = 0;
  raisesAttempted = 0;
  /** How often each error was answered, and what it said when it last was. */
  readonly failures = new Map<string, { count: number; message: string }>();

  constructor(connect: () => Promise<SqlClient>) {
    this.#connect = connect;
  }

  static async createTables(client: SqlClient): Promise<void> {
    const counters = Array.from({ length: counterCount }, (_unused, id) => `(${id}, 0)`);
    await client.run(
      'CREATE ROWSTORE TABLE group_rows (id BIGINT PRIMARY KEY, group_id BIGINT NOT NULL)',
      'CREATE COLUMNSTORE TABLE group_columns (id BIGINT, group_id BIGINT NOT NULL, SHARD KEY (id))',
      'CREATE ROWSTORE TABLE counters (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)',
      `INSERT INTO counters VALUES ${counters.join()}`,
    );
  }

  /** Writes and reads until `stop`, after which it may start again. */
  start(): void {
    this.#stopped = new AbortController();
    this.#work = [];
    for (const [table, ledger] of Object.entries(this.ledgers)) {
      for (let writer = 0; writer < writersPerTable; writer += 1)
        this.#loop((client) => this.#insert(client, table, ledger, ledger.attempted + 1));
    }
    this.#loop(async (client) => {
      this.raisesAttempted += 1;
      await client.run('UPDATE counters SET n = n + 1');
      this.raisesAcknowledged += 1;
      await sleep(pauseMs);
    });
    this.#loop((client) => this.#read(client));
  }

  async #insert(client: SqlClient, table: string, ledger: GroupLedger, group: number): Promise<void> {
    const rows = Array.from(
      { length: rowsPerGroup },
      (_unused, row) => `(${group * rowsPerGroup + row}, ${group})`,
    );
    ledger.attempt(group);
    await client.run(`INSERT INTO ${table} VALUES ${rows.join()}`);
    ledger.acknowledge(group);
    await sleep(pauseMs);
  }

  /** What has been acknowledged is visible, and nothing twice. */
  async #read(client: SqlClient): Promise<void> {
    for (const [table, ledger] of Object.entries(this.ledgers)) {
      const acknowledged = ledger.acknowledged * rowsPerGroup;
      const [count = '', distinct] = await client.row(`SELECT COUNT(*), COUNT(DISTINCT id) FROM ${table}`);
      if (Number(count) < acknowledged) {
        this.violations.push(
          `${table}: ${count} rows were visible when ${acknowledged} had been acknowledged`,
        );
      }
      if (count !== distinct)
        this.violations.push(`${table}: ${count} rows with ${distinct} ids were visible`);
    }
    await sleep(pauseMs);
  }

  /** Repeats something on a connection, with a new one after every failure, until `stop`. */
  #loop(step: (client: SqlClient) => Promise<void>): void {
    const { signal } = this.#stopped;
    const run = async () => {
      while (!signal.aborted) {
        try {
          await using client = await this.#connect();
          while (!signal.aborted) await step(client);
        } catch (error) {
          this.#note(error);
          await sleep(retryPauseMs);
        }
      }
    };
    this.#work.push(run());
  }

  /** A server that is away, or said that it could not: both are what this test is about. A bug is not. */
  #note(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    const code = error instanceof Error && 'code' in error ? String(error.code) : message;
    this.failures.set(code, { count: (this.failures.get(code)?.count ?? 0) + 1, message });
    if (code === internalError) this.violations.push(`an internal error was answered: ${message}`);
  }

  /** Waits for the statements that run; after `timeoutMs` it throws. */
  async stop(timeoutMs = 60_000): Promise<void> {
    this.#stopped.abort();
    const late = sleep(timeoutMs, 'late' as const, { ref: false });
    const outcome = await Promise.race([Promise.all(this.#work), late]);
    if (outcome === 'late') throw new Error(`a statement has not ended after ${timeoutMs} ms`);
  }

  /** The fewest acknowledgements that one kind of write got. */
  get acknowledgedMin(): number {
    const { group_rows: rows, group_columns: columns } = this.ledgers;
    return Math.min(rows.acknowledged, columns.acknowledged, this.raisesAcknowledged);
  }

  summary(): string {
    const { group_rows: rows, group_columns: columns } = this.ledgers;
    const failures = [...this.failures].map(
      ([code, { count, message }]) => `\n  ${count} ${code}: ${message}`,
    );
    return (
      `inserts acknowledged: ${rows.acknowledged} of ${rows.attempted} and ${columns.acknowledged} of ${columns.attempted}; ` +
      `updates: ${this.raisesAcknowledged} of ${this.raisesAttempted}; failures:${failures.join('')}`
    );
  }

  /** Everything that the tables hold and should not, or the other way round. */
  async check(client: SqlClient): Promise<string[]> {
    const violations = [...this.violations];
    for (const [table, ledger] of Object.entries(this.ledgers)) {
      const found = await client.rows(
        `SELECT group_id, COUNT(*), COUNT(DISTINCT id) FROM ${table} GROUP BY group_id ORDER BY group_id`,
      );
      const groups = found.map((row) => row.map(Number) as [number, number, number]);
      violations.push(...ledger.violations(groups).map((text) => `${table}: ${text}`));
    }
    const [lowest, highest, count] = (await client.row('SELECT MIN(n), MAX(n), COUNT(*) FROM counters')).map(
      Number,
    );
    if (lowest !== highest) violations.push(`counters differ: ${lowest} to ${highest}`);
    if (count !== counterCount) violations.push(`${count} counters instead of ${counterCount}`);
    if ((lowest ?? 0) < this.raisesAcknowledged || (highest ?? 0) > this.raisesAttempted) {
      violations.push(
        `counters are ${lowest} after ${this.raisesAcknowledged} acknowledged of ${this.raisesAttempted} raises`,
      );
    }
    return violations;
  }
}
