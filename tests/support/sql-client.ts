import { type Connection, createConnection, type ResultSetHeader, type RowDataPacket } from 'mysql2/promise';

/** A connection over the MySQL protocol. Large integers arrive as text, so nothing is rounded. */
export class SqlClient implements AsyncDisposable {
  readonly #connection: Connection;

  private constructor(connection: Connection) {
    this.#connection = connection;
  }

  static async connect(port: number, database?: string, password?: string): Promise<SqlClient> {
    const connection = await createConnection({
      host: '127.0.0.1',
      port,
      user: 'root',
      supportBigNumbers: true,
      bigNumberStrings: true,
      dateStrings: true,
      multipleStatements: false,
      ...(database === undefined ? {} : { database }),
      ...(password === undefined ? {} : { password }),
    });
    // A server that goes away fails the statement in hand; without one, nobody needs to know.
    connection.on('error', () => {});
    return new SqlClient(connection);
  }

  /** Rows as arrays of text or null, in the order of the result. */
  async rows(sql: string): Promise<(string | null)[][]> {
    const [rows] = await this.#connection.query<RowDataPacket[][]>({ sql, rowsAsArray: true });
    return rows.map((row) => (row as unknown[]).map(textOf));
  }

  async row(sql: string): Promise<(string | null)[]> {
    const [first] = await this.rows(sql);
    if (first === undefined) throw new Error(`no row: ${sql}`);
    return first;
  }

  async value(sql: string): Promise<string | null> {
    return (await this.row(sql))[0] ?? null;
  }

  /** Runs statements, one after the other. */
  async run(...statements: readonly string[]): Promise<void> {
    for (const statement of statements) await this.#connection.query(statement);
  }

  /** Rows that a statement changed. */
  async affected(sql: string): Promise<number> {
    const [result] = await this.#connection.query<ResultSetHeader>(sql);
    return result.affectedRows;
  }

  /** The id for KILL. */
  get threadId(): number {
    return this.#connection.threadId;
  }

  async close(): Promise<void> {
    await this.#connection.end().catch(() => {});
    this.#connection.destroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function textOf(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (Buffer.isBuffer(value)) return `x'${value.toString('hex')}'`;
  if (typeof value === 'object') return JSON.stringify(value);
  return String(value);
}

/** Asks until `check` accepts the answer; throws with the last answer when the time is over. */
export async function eventually<T>(
  ask: () => Promise<T>,
  check: (answer: T) => boolean,
  options: { readonly timeoutMs: number; readonly what: string },
): Promise<T> {
  const deadline = Date.now() + options.timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (check(answer)) return answer;
      last = answer;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) {
      const text =
        last instanceof Error
          ? last.message
          : JSON.stringify(last, (_key, value) => (typeof value === 'bigint' ? String(value) : value));
      throw new Error(`${options.what}: not after ${options.timeoutMs} ms; last: ${text}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
