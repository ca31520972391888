import { MillraceError } from '@millrace/errors/millrace-error';
import type { Query } from '@millrace/sql/ast/query';
import type { ScalarValue } from '@millrace/values/column-batch';
import type { BindContext } from '../bind-context.ts';
import type { BoundQuery } from '../bound/bound-query.ts';
import type { FunctionContext } from '../functions/scalar-function.ts';
import type { CteScope, ExpressionEnvironment } from './expression-environment.ts';

/** Rows of a query that ran before the statement which contains it was planned. */
export type InitResult = readonly (readonly ScalarValue[])[];

/** Subqueries that run before the statement: collected on the first pass, replaced by their results on the second. */
export interface InitQueries {
  readonly queries: BoundQuery[];
  readonly results: readonly InitResult[];
}

/** Bounds the work and the memory of planning one statement. */
const relationsMax = 1000;

/** State of binding one statement. */
export class Binder {
  readonly session: BindContext;
  readonly functions: FunctionContext;
  readonly #initQueries: InitQueries | undefined;
  #ids = 0;
  #depth = 0;

  constructor(
    session: BindContext,
    options: { replayed?: boolean; initResults?: readonly InitResult[] } = {},
  ) {
    this.session = session;
    this.functions = { session, replayed: options.replayed ?? false };
    this.#initQueries = options.replayed ? { queries: [], results: options.initResults ?? [] } : undefined;
  }

  /** Undefined: subqueries stay subqueries. So do those inside a query, which must have their rows when it runs. */
  get initQueries(): InitQueries | undefined {
    return this.#depth === 0 ? this.#initQueries : undefined;
  }

  /** Binds what is part of a query. */
  insideQuery<T>(bind: () => T): T {
    this.#depth += 1;
    try {
      return bind();
    } finally {
      this.#depth -= 1;
    }
  }

  /**
   * A name for a relation or query result, unique within the statement.
   *
   * @throws SQL_TOO_COMPLEX
   */
  newId(prefix: 'r' | 'q'): string {
    this.#ids += 1;
    if (this.#ids > relationsMax) {
      throw new MillraceError(
        'SQL_TOO_COMPLEX',
        `statement refers to more than ${relationsMax} tables and subqueries`,
      );
    }
    return `${prefix}${this.#ids}`;
  }
}

/** Binding of queries, passed to expression binding so that the two do not import each other. */
export type BindQuery = (
  binder: Binder,
  query: Query,
  parent: ExpressionEnvironment | undefined,
  ctes?: CteScope,
) => BoundQuery;
