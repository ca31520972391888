import type { Expression, IntegerLiteral, Parameter } from './expression.ts';
import type { ObjectName, Positioned } from './node.ts';

/** A SELECT statement or subquery with everything that applies to its whole result. It is a statement by itself. */
export interface Query extends Positioned {
  readonly kind: 'query';
  /** WITH, not recursive. */
  readonly ctes: readonly CommonTableExpression[];
  readonly body: QueryBody;
  readonly orderBy: readonly OrderItem[];
  readonly limit: Limit | undefined;
  /** FOR UPDATE, or LOCK IN SHARE MODE / FOR SHARE. */
  readonly locking: 'update' | 'share' | undefined;
}

/**
 * What a query selects from its rows. A nested {@link Query} is a parenthesised one with clauses of its own (WITH, ORDER
 * BY, LIMIT); parentheses around a query without such clauses leave no trace.
 */
export type QueryBody = Select | SetOperation | Query;

export interface CommonTableExpression extends Positioned {
  readonly name: string;
  /** Empty: the names of the query's columns. */
  readonly columns: readonly string[];
  readonly query: Query;
}

/** Left-associative; INTERSECT binds tighter than UNION and EXCEPT. */
export interface SetOperation extends Positioned {
  readonly kind: 'setOperation';
  readonly operator: 'union' | 'except' | 'intersect';
  readonly all: boolean;
  readonly left: QueryBody;
  readonly right: QueryBody;
}

export interface Select extends Positioned {
  readonly kind: 'select';
  readonly distinct: boolean;
  /** One or more. */
  readonly items: readonly SelectItem[];
  /** The comma-separated entries of FROM. Empty: no FROM, or FROM DUAL. */
  readonly from: readonly TableReference[];
  readonly where: Expression | undefined;
  readonly groupBy: readonly Expression[];
  /** GROUP BY … WITH ROLLUP. */
  readonly rollup: boolean;
  readonly having: Expression | undefined;
}

export type SelectItem = SelectStar | SelectExpression;

/** `*`, `t.*` or `db.t.*`. */
export interface SelectStar extends Positioned {
  readonly kind: 'star';
  readonly database: string | undefined;
  readonly table: string | undefined;
}

export interface SelectExpression extends Positioned {
  readonly kind: 'expression';
  readonly expression: Expression;
  readonly alias: string | undefined;
  /**
   * The expression exactly as written, for the column label when there is no alias (a plain column is labelled by its
   * name instead). Blanked by `withoutPositions`.
   */
  readonly sourceText: string;
}

export type TableReference = TableFactor | DerivedTable | Join;

/** A table by name. Index hints are accepted and dropped by the parser. */
export interface TableFactor extends Positioned {
  readonly kind: 'table';
  readonly name: ObjectName;
  readonly alias: string | undefined;
}

/** A query in FROM. */
export interface DerivedTable extends Positioned {
  readonly kind: 'derived';
  readonly query: Query;
  /** MySQL demands one, this dialect does not. */
  readonly alias: string | undefined;
  /** Column aliases; empty: the names of the query's columns. */
  readonly columns: readonly string[];
}

export interface Join extends Positioned {
  readonly kind: 'join';
  /** JOIN, INNER JOIN, CROSS JOIN and STRAIGHT_JOIN are all `inner`: they mean the same with and without ON. */
  readonly type: 'inner' | 'left' | 'right' | 'full';
  readonly left: TableReference;
  readonly right: TableReference;
  readonly condition: JoinCondition;
}

export type JoinCondition =
  | { readonly kind: 'none' | 'natural' }
  | { readonly kind: 'on'; readonly on: Expression }
  | { readonly kind: 'using'; readonly columns: readonly string[] };

export interface OrderItem {
  readonly expression: Expression;
  readonly direction: 'asc' | 'desc';
}

export type LimitValue = IntegerLiteral | Parameter;

/** `LIMIT count`, `LIMIT offset, count`, `LIMIT count OFFSET offset`. */
export interface Limit {
  readonly count: LimitValue;
  readonly offset: LimitValue | undefined;
}
