import { setTimeout as delay } from 'node:timers/promises';
import { MillraceError } from '@millrace/errors/millrace-error';
import { columnBatchOf, type ResultColumn, type ScalarValue } from '@millrace/values/column-batch';
import { physicalKindOf } from '@millrace/values/sql-type';
import { storedHashOf } from '../native-password.ts';
import { MysqlServer, type MysqlServerOptions } from '../server.ts';
import type { MysqlSession, PreparedShape, SessionClient, StatementResult } from '../session.ts';

/** What a scripted statement does. The parameters are those of an execution; empty for a query. */
export type Script = (
  parameters: readonly ScalarValue[],
  signal: AbortSignal,
  session: ScriptedSession,
) => StatementResult | Promise<StatementResult>;

export const scriptedOk = {
  kind: 'ok',
  affectedRows: 0n,
  lastInsertId: 0n,
  warnings: 0,
} as const satisfies StatementResult;

/** A result with rows given as scalars, in batches of `batchRows`. */
export function scriptedRows(
  columns: readonly ResultColumn[],
  rows: readonly (readonly ScalarValue[])[],
  batchRows = 2,
): StatementResult {
  const kinds = columns.map((column) => physicalKindOf(column.type));
  return {
    kind: 'rows',
    columns,
    batches: (async function* () {
      for (let start = 0; start < rows.length; start += batchRows) {
        yield columnBatchOf(kinds, rows.slice(start, start + batchRows));
      }
    })(),
    warnings: () => 0,
  };
}

/** A nullable column without origin. */
export function column(name: string, type: ResultColumn['type']): ResultColumn {
  return { name, type, nullable: true };
}

/** A session whose statements are looked up by their text; a text is split at `;` when several are allowed. */
export class ScriptedSession implements MysqlSession {
  readonly client: SessionClient;
  readonly calls: string[] = [];
  readonly lastParameters: ScalarValue[][] = [];
  status = { autocommit: true, inTransaction: false };
  closed = 0;
  readonly #scripts: ReadonlyMap<string, Script>;
  readonly #server: () => MysqlServer;

  constructor(client: SessionClient, scripts: ReadonlyMap<string, Script>, server: () => MysqlServer) {
    this.client = client;
    this.#scripts = scripts;
    this.#server = server;
  }

  async *query(sql: string, signal: AbortSignal): AsyncIterable<StatementResult> {
    const texts = this.client.multiStatements ? sql.split(';') : [sql];
    for (const text of texts.map((part) => part.trim()).filter((part) => part !== '')) {
      this.calls.push(text);
      yield await this.#run(text, [], signal);
    }
  }

  async prepare(sql: string): Promise<PreparedShape> {
    this.calls.push(`prepare ${sql}`);
    if (!this.#scripts.has(sql)) throw unknownText(sql);
    return { parameterCount: sql.split('?').length - 1, columns: [] };
  }

  async *execute(
    sql: string,
    parameters: readonly ScalarValue[],
    signal: AbortSignal,
  ): AsyncIterable<StatementResult> {
    this.calls.push(`execute ${sql}`);
    this.lastParameters.push([...parameters]);
    yield await this.#run(sql, parameters, signal);
  }

  async useDatabase(name: string): Promise<void> {
    this.calls.push(`use ${name}`);
    if (name === 'missing') throw new MillraceError('DATABASE_UNKNOWN', `unknown database '${name}'`);
  }

  async listFields(table: string): Promise<readonly ResultColumn[]> {
    if (table !== 't') throw new MillraceError('TABLE_UNKNOWN', `unknown table '${table}'`);
    return [column('id', { kind: 'int', unsigned: false }), column('name', { kind: 'varchar', length: 10 })];
  }

  statistics(): string {
    return 'Uptime: 1';
  }

  async reset(): Promise<void> {
    this.calls.push('reset');
  }

  async killConnection(connectionId: bigint): Promise<void> {
    this.#server().kill(connectionId, 'connection');
  }

  close(): void {
    this.closed += 1;
  }

  async #run(sql: string, parameters: readonly ScalarValue[], signal: AbortSignal): Promise<StatementResult> {
    const kill = /^KILL (QUERY )?(\d+)$/.exec(sql);
    if (kill?.[2] !== undefined) {
      this.#server().kill(BigInt(kill[2]), kill[1] === undefined ? 'connection' : 'statement');
      return scriptedOk;
    }
    if (sql === 'SLEEP') {
      await delay(60_000, undefined, { signal });
      return scriptedOk;
    }
    const script = this.#scripts.get(sql);
    if (script === undefined) throw unknownText(sql);
    return script(parameters, signal, this);
  }
}

function unknownText(sql: string): MillraceError {
  return new MillraceError('SQL_SYNTAX', `no script for '${sql.slice(0, 40)}'`, {
    detail: 'line 1, column 1',
  });
}

/** A running server with scripted sessions. Users: `root` without password, `alice` with password `secret`. */
export interface ScriptedServer {
  readonly server: MysqlServer;
  readonly port: number;
  readonly sessions: ScriptedSession[];
  /** Messages of unexpected errors the server logged. */
  readonly logged: unknown[];
}

export async function startScriptedServer(
  scripts: Readonly<Record<string, Script>>,
  options: Partial<MysqlServerOptions> = {},
): Promise<ScriptedServer> {
  const sessions: ScriptedSession[] = [];
  const logged: unknown[] = [];
  const byText = new Map(Object.entries(scripts));
  const passwords = new Map([
    ['root', ''],
    ['alice', 'secret'],
  ]);
  const server: MysqlServer = new MysqlServer({
    host: '127.0.0.1',
    port: 0,
    serverVersion: '5.7.32',
    maxConnections: 20,
    authenticate: async (user, checkPassword) => {
      const password = passwords.get(user);
      return password !== undefined && checkPassword(storedHashOf(password));
    },
    openSession: async (client) => {
      const session = new ScriptedSession(client, byText, () => server);
      sessions.push(session);
      return session;
    },
    logger: { debug: () => undefined, error: (_message, fields) => void logged.push(fields?.['error']) },
    ...options,
  });
  const { port } = await server.listen();
  return { server, port, sessions, logged };
}
