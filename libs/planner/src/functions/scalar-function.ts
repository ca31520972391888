import type { BindContext } from '../bind-context.ts';
import type { BoundExpression } from '../bound/bound-expression.ts';

/** What a function may use besides its arguments. */
export interface FunctionContext {
  readonly session: BindContext;
  /**
   * The expression is replayed from a redo record: functions that give a new value each time become literals, one value
   * for the statement.
   */
  readonly replayed: boolean;
}

/** A scalar function: how many arguments it takes and what a call means. */
export interface ScalarFunction {
  readonly argumentsMin: number;
  readonly argumentsMax: number;
  readonly bind: (args: readonly BoundExpression[], context: FunctionContext) => BoundExpression;
}

/** Functions by upper-case name. */
export type FunctionFamily = Readonly<Record<string, ScalarFunction>>;

type A = BoundExpression;

export function nullary(bind: (context: FunctionContext) => BoundExpression): ScalarFunction {
  return { argumentsMin: 0, argumentsMax: 0, bind: (_args, context) => bind(context) };
}

export function unary(bind: (a: A, context: FunctionContext) => BoundExpression): ScalarFunction {
  return { argumentsMin: 1, argumentsMax: 1, bind: ([a], context) => bind(a as A, context) };
}

export function binary(bind: (a: A, b: A, context: FunctionContext) => BoundExpression): ScalarFunction {
  return { argumentsMin: 2, argumentsMax: 2, bind: ([a, b], context) => bind(a as A, b as A, context) };
}

export function ternary(bind: (a: A, b: A, c: A) => BoundExpression): ScalarFunction {
  return { argumentsMin: 3, argumentsMax: 3, bind: ([a, b, c]) => bind(a as A, b as A, c as A) };
}

/** One argument and an optional second. */
export function unaryOrBinary(bind: (a: A, b: A | undefined) => BoundExpression): ScalarFunction {
  return { argumentsMin: 1, argumentsMax: 2, bind: ([a, b]) => bind(a as A, b) };
}

/** Two arguments and an optional third. */
export function binaryOrTernary(bind: (a: A, b: A, c: A | undefined) => BoundExpression): ScalarFunction {
  return { argumentsMin: 2, argumentsMax: 3, bind: ([a, b, c]) => bind(a as A, b as A, c) };
}

export function variadic(
  argumentsMin: number,
  bind: (args: readonly A[]) => BoundExpression,
  argumentsMax = Number.POSITIVE_INFINITY,
): ScalarFunction {
  return { argumentsMin, argumentsMax, bind };
}
