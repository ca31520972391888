import { isMillraceError, MillraceError } from '@millrace/errors/millrace-error';
import type {
  MysqlSession,
  PreparedShape,
  SessionStatus,
  StatementResult,
} from '@millrace/mysql-wire/session';
import { planSelect } from '@millrace/planner/plan-statement';
import type { Statement } from '@millrace/sql/ast/statement';
import { parseNextStatement, parseStatement } from '@millrace/sql/parse';
import type { ColumnBatch, ResultColumn, ScalarValue } from '@millrace/values/column-batch';
import { fillView } from '../information-schema/information-schema.ts';
import type { ViewScope } from '../information-schema/information-view.ts';
import { recordStatement, type StatementMetrics } from '../metrics.ts';
import { tableOf } from '../statements/names.ts';
import { runStatement } from '../statements/run-statement.ts';
import type {
  StatementContext,
  StatementOutcome,
  StatementServices,
} from '../statements/statement-handler.ts';
import { usableDatabase } from '../statements/use.ts';
import { bindContextOf } from './bind-context.ts';
import { redactStatement } from './redact-statement.ts';
import { type SessionIdentity, SessionState } from './session-state.ts';

export interface SessionOptions {
  readonly identity: SessionIdentity;
  readonly services: StatementServices;
  /** "host:port" of the MySQL port. */
  readonly aggregatorAddress: () => string;
  /** Unix milliseconds. */
  readonly nowMs: () => number;
  readonly random: () => number;
  readonly metrics: StatementMetrics;
  /** Ends the client's connection. */
  readonly endConnection: () => void;
  readonly multiStatements: () => boolean;
}

interface RunningStatement {
  readonly text: string;
  readonly kill: AbortController;
}

const selectLimitNone = 18_446_744_073_709_551_615n;

/** One client's session: parses texts, runs their statements, and remembers what a session must. */
export class Session implements MysqlSession {
  readonly #options: SessionOptions;
  readonly #state: SessionState;
  #running: RunningStatement | undefined;
  /** Unix seconds since when the session runs or sleeps. */
  #since: number;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#state = new SessionState(options.identity, options.services.globals);
    this.#since = options.nowMs() / 1_000;
    options.services.processes.add(options.identity.connectionId, {
      info: () => this.#processInfo(),
      killQuery: () => this.#running?.kill.abort(killed()),
      killConnection: options.endConnection,
    });
  }

  get status(): SessionStatus {
    return { autocommit: this.#state.autocommit, inTransaction: this.#state.transaction !== 'none' };
  }

  async *query(sql: string, signal: AbortSignal): AsyncGenerator<StatementResult> {
    let first = true;
    for (let offset = 0; ; ) {
      const parsed = this.#reportingErrors(() => parseNextStatement(sql, offset, this.#parseOptions()));
      if (parsed === undefined) {
        if (first) throw new MillraceError('SQL_EMPTY', 'the statement is empty');
        return;
      }
      if (first && !this.#options.multiStatements() && sql.length > parsed.next) {
        this.#reportingErrors(() => parseStatement(sql, this.#parseOptions()));
      }
      first = false;
      yield* this.#run(parsed.statement, parsed.text, undefined, signal);
      offset = parsed.next;
    }
  }

  async *execute(
    sql: string,
    parameters: readonly ScalarValue[],
    signal: AbortSignal,
  ): AsyncGenerator<StatementResult> {
    const { statement, text, parameterCount } = this.#reportingErrors(() =>
      parseStatement(sql, this.#parseOptions()),
    );
    if (parameterCount !== parameters.length) {
      throw new MillraceError(
        'PARAMETER_COUNT',
        `the statement has ${parameterCount} markers, ${parameters.length} values came`,
      );
    }
    yield* this.#run(statement, text, parameters, signal);
  }

  async prepare(sql: string): Promise<PreparedShape> {
    const { statement, parameterCount } = this.#reportingErrors(() =>
      parseStatement(sql, this.#parseOptions()),
    );
    if (statement.kind !== 'query') return { parameterCount, columns: [] };
    return { parameterCount, columns: planSelect(statement, this.#bind(undefined)).columns };
  }

  async useDatabase(name: string): Promise<void> {
    this.#state.database = usableDatabase(this.#options.services, name);
  }

  async listFields(table: string): Promise<readonly ResultColumn[]> {
    const name = { position: 0, database: undefined, name: table };
    const { database, table: found } = tableOf(this.#contextOf(undefined, neverAborted), name);
    return found.columns.map(({ name: column, type, nullable }) => ({
      name: column,
      type,
      nullable,
      origin: { database: database.name, table, column },
    }));
  }

  statistics(): string {
    return `Threads: ${this.#options.services.processes.list().length}`;
  }

  async reset(): Promise<void> {
    this.#state.reset();
  }

  async killConnection(connectionId: bigint): Promise<void> {
    this.#options.services.processes.killConnection(connectionId);
  }

  close(): void {
    this.#options.services.processes.remove(this.#options.identity.connectionId);
  }

  async *#run(
    statement: Statement,
    text: string,
    parameters: readonly ScalarValue[] | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<StatementResult> {
    const kill = new AbortController();
    this.#setRunning({ text, kill });
    const timer = this.#startTimer(statement, kill);
    const startMs = performance.now();
    let failure: unknown;
    try {
      if (!isDiagnostic(statement)) this.#state.clearWarnings();
      const context = this.#contextOf(parameters, AbortSignal.any([signal, kill.signal]));
      const outcome = await runStatement(this.#limited(statement), context);
      if (outcome.kind === 'done') {
        this.#state.rowCount = outcome.affectedRows;
        yield this.#okResult(outcome);
        return;
      }
      const counted = this.#countingRows(outcome.batches);
      yield {
        kind: 'rows',
        columns: outcome.columns,
        batches: counted,
        warnings: () => this.#state.warnings.length,
      };
    } catch (error) {
      failure = kill.signal.aborted ? kill.signal.reason : error;
      throw this.#recorded(failure);
    } finally {
      clearTimeout(timer);
      const seconds = (performance.now() - startMs) / 1_000;
      recordStatement(this.#options.metrics, statement.kind, seconds, failure);
      this.#setRunning(undefined);
    }
  }

  #okResult(outcome: Extract<StatementOutcome, { kind: 'done' }>): StatementResult {
    const { affectedRows, lastInsertId, info } = outcome;
    return {
      kind: 'ok',
      affectedRows,
      lastInsertId,
      warnings: this.#state.warnings.length,
      ...(info === undefined ? {} : { info }),
    };
  }

  async *#countingRows(batches: AsyncIterable<ColumnBatch>): AsyncGenerator<ColumnBatch> {
    let rows = 0n;
    try {
      for await (const batch of batches) {
        rows += BigInt(batch.rowCount);
        yield batch;
      }
    } catch (error) {
      throw this.#recorded(error);
    } finally {
      this.#state.foundRows = rows;
      this.#state.rowCount = -1n;
    }
  }

  /** `sql_select_limit` bounds a SELECT that has no LIMIT of its own. */
  #limited(statement: Statement): Statement {
    const limit = this.#state.variables.integer('sql_select_limit');
    if (statement.kind !== 'query' || statement.limit !== undefined || limit >= selectLimitNone)
      return statement;
    const { position } = statement;
    return { ...statement, limit: { count: { kind: 'integer', position, value: limit }, offset: undefined } };
  }

  #startTimer(statement: Statement, kill: AbortController): NodeJS.Timeout | undefined {
    const limitMs = Number(this.#state.variables.integer('max_execution_time'));
    if (limitMs === 0 || statement.kind !== 'query') return undefined;
    const late = new MillraceError(
      'DEADLINE_EXCEEDED',
      `the statement ran longer than max_execution_time (${limitMs} ms)`,
    );
    return setTimeout(() => kill.abort(late), limitMs);
  }

  #contextOf(parameters: readonly ScalarValue[] | undefined, signal: AbortSignal): StatementContext {
    const { services } = this.#options;
    const context: StatementContext = {
      services,
      session: this.#state,
      signal,
      bind: () => this.#bind(parameters ?? []),
      views: (view) => fillView(view, this.#viewScope()),
      viewScope: () => this.#viewScope(),
      runNested: async (statement, database) => {
        const before = this.#state.database;
        this.#state.database = database;
        try {
          return await runStatement(statement, context);
        } finally {
          this.#state.database = before;
        }
      },
    };
    return context;
  }

  #bind(parameters: readonly ScalarValue[] | undefined) {
    const { services, nowMs, random } = this.#options;
    const sources = { catalog: services.catalog.schema, globals: services.globals, nowMs, random };
    return bindContextOf(this.#state, sources, parameters);
  }

  #viewScope(): ViewScope {
    const { services, aggregatorAddress, nowMs } = this.#options;
    return {
      catalog: services.catalog,
      nodes: services.registry.nodes(),
      processes: services.processes.list(),
      globals: services.globals,
      session: this.#state.variables,
      aggregatorAddress: aggregatorAddress(),
      describePipeline: (pipeline) => services.pipelines.describe(pipeline),
      tls: this.#options.identity.tls,
      now: nowMs() / 1_000,
    };
  }

  #parseOptions() {
    return { sqlMode: this.#state.variables.text('sql_mode') };
  }

  #reportingErrors<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.#recorded(error);
    }
  }

  /** SHOW WARNINGS after a failed statement shows its error. */
  #recorded(error: unknown): unknown {
    if (isMillraceError(error)) {
      this.#state.clearWarnings();
      this.#state.warn({ level: 'Error', code: error.mysqlNumber, message: error.message });
      this.#state.rowCount = -1n;
    }
    return error;
  }

  #setRunning(running: RunningStatement | undefined): void {
    this.#running = running;
    this.#since = this.#options.nowMs() / 1_000;
  }

  #processInfo() {
    const { connectionId: id, user, host } = this.#options.identity;
    const running = this.#running;
    return {
      id,
      user,
      host,
      database: this.#state.database,
      command: running === undefined ? 'Sleep' : 'Query',
      since: this.#since,
      info: running === undefined ? undefined : redactStatement(running.text),
    };
  }
}

const neverAborted = new AbortController().signal;

function killed(): MillraceError {
  return new MillraceError('QUERY_KILLED', 'query execution was interrupted');
}

/** Statements that show the outcome of the one before and so must not clear it. */
function isDiagnostic(statement: Statement): boolean {
  return (
    statement.kind === 'show' &&
    (statement.subject.kind === 'warnings' || statement.subject.kind === 'errors')
  );
}
