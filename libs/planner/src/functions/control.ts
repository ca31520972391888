import { type BoundExpression, call, literal } from '../bound/bound-expression.ts';
import { compare } from '../types/compare.ts';
import { asPredicate, asValue, convertTo } from '../types/convert.ts';
import { intType } from '../types/type-class.ts';
import { unifyTypes } from '../types/unify-types.ts';
import { binary, type FunctionFamily, ternary, unary, variadic } from './scalar-function.ts';

export interface BoundBranch {
  readonly when: BoundExpression;
  readonly result: BoundExpression;
}

/** CASE with conditions; the results are converted to one type. */
export function caseExpression(
  branches: readonly BoundBranch[],
  otherwise: BoundExpression | undefined,
): BoundExpression {
  const results = [
    ...branches.map((branch) => asValue(branch.result)),
    ...(otherwise === undefined ? [] : [asValue(otherwise)]),
  ];
  const type = unifyTypes(results.map((result) => result.type));
  const args = branches.flatMap((branch) => [asPredicate(branch.when), convertTo(branch.result, type)]);
  const last = otherwise === undefined ? [] : [convertTo(otherwise, type)];
  return call(type, [...args, ...last], renderCase, {
    nullable: otherwise === undefined || results.some((result) => result.nullable),
  });
}

function renderCase(args: readonly string[]): string {
  const pairs = Math.floor(args.length / 2);
  let text = 'CASE';
  for (let pair = 0; pair < pairs; pair += 1) text += ` WHEN ${args[2 * pair]} THEN ${args[2 * pair + 1]}`;
  if (args.length % 2 === 1) text += ` ELSE ${args[args.length - 1]}`;
  return `${text} END`;
}

function coalesce(args: readonly BoundExpression[]): BoundExpression {
  const values = args.map(asValue);
  const type = unifyTypes(values.map((value) => value.type));
  return call(
    type,
    values.map((value) => convertTo(value, type)),
    (sql) => `coalesce(${sql.join(', ')})`,
    { nullable: values.every((value) => value.nullable) },
  );
}

export const controlFunctions: FunctionFamily = {
  IF: ternary((condition, result, otherwise) => caseExpression([{ when: condition, result }], otherwise)),
  IFNULL: binary((a, b) => coalesce([a, b])),
  NVL: binary((a, b) => coalesce([a, b])),
  COALESCE: variadic(1, coalesce),
  NULLIF: binary((a, b) =>
    caseExpression([{ when: compare('=', a, b), result: literal({ kind: 'null' }, null) }], a),
  ),
  ISNULL: unary((a) =>
    call(intType, [asValue(a)], ([x]) => `(${x} IS NULL)`, { predicate: true, nullable: false }),
  ),
};
