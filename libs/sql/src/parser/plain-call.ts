import type { Expression, FunctionCall } from '../ast/expression.ts';

/** A call with a plain list of arguments. */
export function plainCall(name: string, args: readonly Expression[], position: number): FunctionCall {
  return {
    kind: 'function',
    name,
    args,
    star: false,
    distinct: false,
    orderBy: [],
    separator: undefined,
    over: undefined,
    position,
  };
}
