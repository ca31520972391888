import type { ScalarValue } from '@millrace/values/column-batch';
import type { SqlType } from '@millrace/values/sql-type';
import type { BoundQuery } from './bound-query.ts';

/**
 * A value whose names are resolved and whose types are known. Conversions between types are explicit calls, so rendering
 * is text substitution and needs no types.
 */
export type BoundExpression =
  | BoundLiteral
  | BoundColumn
  | BoundCall
  | BoundAggregate
  | BoundWindow
  | BoundSubquery;

interface Typed {
  readonly type: SqlType;
  readonly nullable: boolean;
}

/** A constant in the batch form of its type. */
export interface BoundLiteral extends Typed {
  readonly kind: 'literal';
  readonly value: ScalarValue;
}

export interface BoundColumn extends Typed {
  readonly kind: 'column';
  /** The relation's id, unique within the statement. */
  readonly relation: string;
  /** Name of the column in generated SQL. */
  readonly column: string;
  /** `db.t.c` or as near as can be, for messages and EXPLAIN. */
  readonly label: string;
  readonly origin?: { readonly database: string; readonly table: string; readonly column: string };
}

/**
 * What planning reads out of a call; everything else is only rendered. `ascending` is a conversion of one argument under
 * which no value comes to lie before a smaller one; NULL stays NULL.
 */
export type CallOperator = 'and' | '=' | '<' | '<=' | '>' | '>=' | 'in' | 'ascending';

export interface BoundCall extends Typed {
  readonly kind: 'call';
  readonly args: readonly BoundExpression[];
  /** Given the SQL of `args`, the SQL of the call, in parentheses where an operator would need them. */
  readonly render: (args: readonly string[]) => string;
  /** The SQL is a DuckDB BOOLEAN, while `type` is MySQL's INT for it. */
  readonly predicate: boolean;
  readonly operator?: CallOperator;
}

/** How an aggregate is computed. */
export interface AggregateSpec {
  /** Over the rows themselves; `over` is the OVER clause or empty and follows the function call. */
  readonly render: (args: readonly string[], modifiers: AggregateModifiers) => string;
  /** In two phases: partial results per leaf, then one aggregate over the partial columns. */
  readonly phases?: AggregatePhases;
}

export interface AggregateModifiers {
  /** `DISTINCT ` or empty. */
  readonly distinct: string;
  /** ` ORDER BY …` inside the parentheses, or empty. */
  readonly orderBy: string;
  /** ` OVER (…)` or empty. */
  readonly over: string;
}

export interface AggregatePhases {
  readonly partials: readonly {
    readonly type: SqlType;
    readonly render: (args: readonly string[]) => string;
  }[];
  readonly final: (partials: readonly string[]) => string;
}

export interface BoundAggregate extends Typed {
  readonly kind: 'aggregate';
  readonly name: string;
  readonly args: readonly BoundExpression[];
  readonly distinct: boolean;
  readonly orderBy: readonly BoundOrder[];
  readonly spec: AggregateSpec;
}

export interface BoundWindow extends Typed {
  readonly kind: 'window';
  readonly name: string;
  readonly args: readonly BoundExpression[];
  readonly distinct: boolean;
  readonly spec: AggregateSpec;
  readonly partitionBy: readonly BoundExpression[];
  readonly orderBy: readonly BoundOrder[];
  /** ` ROWS BETWEEN …` or empty. */
  readonly frame: string;
}

export type BoundSubquery =
  | (Typed & { readonly kind: 'subquery'; readonly form: 'scalar' | 'exists'; readonly query: BoundQuery })
  | (Typed & {
      readonly kind: 'subquery';
      /** `operand operator quantifier (query)`; IN is `= any`, NOT IN is `<> all`. */
      readonly form: 'quantified';
      readonly operator: string;
      readonly quantifier: 'any' | 'all';
      readonly operand: BoundExpression;
      readonly query: BoundQuery;
    });

export interface BoundOrder {
  readonly expression: BoundExpression;
  readonly descending: boolean;
}

/** Whether the SQL of the expression is a DuckDB BOOLEAN. */
export function isPredicate(expression: BoundExpression): boolean {
  if (expression.kind === 'call') return expression.predicate;
  return expression.kind === 'subquery' && expression.form !== 'scalar';
}

/** The expressions directly inside, operands of subqueries included, their queries not. */
export function childrenOf(expression: BoundExpression): readonly BoundExpression[] {
  switch (expression.kind) {
    case 'literal':
    case 'column':
      return [];
    case 'call':
      return expression.args;
    case 'aggregate':
      return [...expression.args, ...expression.orderBy.map((item) => item.expression)];
    case 'window':
      return [
        ...expression.args,
        ...expression.partitionBy,
        ...expression.orderBy.map((item) => item.expression),
      ];
    case 'subquery':
      return expression.form === 'quantified' ? [expression.operand] : [];
  }
}

/** Whether the predicate holds for the expression or for any part of it outside of subqueries. */
export function someExpression(
  expression: BoundExpression,
  predicate: (part: BoundExpression) => boolean,
): boolean {
  return predicate(expression) || childrenOf(expression).some((child) => someExpression(child, predicate));
}

export function call(
  type: SqlType,
  args: readonly BoundExpression[],
  render: (args: readonly string[]) => string,
  options: { nullable?: boolean; predicate?: boolean; operator?: CallOperator } = {},
): BoundCall {
  return {
    kind: 'call',
    type,
    nullable: options.nullable ?? args.some((arg) => arg.nullable),
    args,
    render,
    predicate: options.predicate ?? false,
    ...(options.operator === undefined ? {} : { operator: options.operator }),
  };
}

export function literal(type: SqlType, value: ScalarValue): BoundLiteral {
  return { kind: 'literal', type, value, nullable: value === null };
}
