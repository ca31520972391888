import type { BoundColumn, BoundExpression, CallOperator } from '../bound/bound-expression.ts';
import type { SegmentFilter } from '../plan.ts';
import { renderExpression } from '../render/render-expression.ts';
import { quoteIdentifier } from '../render/sql-text.ts';
import { classOf } from '../types/type-class.ts';

/** Longer lists of constants are not worth the look at every segment. */
const constantsMax = 64;

type Ordering = '=' | '<' | '<=' | '>' | '>=';

/** The comparison with its sides exchanged. */
const mirrored = { '=': '=', '<': '>', '<=': '>=', '>': '<', '>=': '<=' } as const satisfies Record<
  Ordering,
  Ordering
>;

/**
 * What the conditions on a table say about sets of its rows of which only the smallest and largest values are known:
 * comparisons of a column with constants, BETWEEN and IN, connected by AND. The engine compares, so that the answer is that
 * of the comparison itself. Undefined when the conditions say nothing.
 */
export function segmentFilter(
  relation: string,
  conditions: readonly BoundExpression[],
): SegmentFilter | undefined {
  const columns = new Set<string>();
  const predicates = conditions.flatMap(conjuncts).flatMap((condition) => {
    const found = predicateOf(relation, condition);
    if (found === undefined) return [];
    columns.add(found.column.column);
    return [found.predicate];
  });
  return predicates.length === 0 ? undefined : { columns: [...columns], predicate: predicates.join(' AND ') };
}

function conjuncts(condition: BoundExpression): readonly BoundExpression[] {
  return condition.kind === 'call' && condition.operator === 'and'
    ? condition.args.flatMap(conjuncts)
    : [condition];
}

interface FoundPredicate {
  readonly column: BoundColumn;
  readonly predicate: string;
}

function predicateOf(relation: string, condition: BoundExpression): FoundPredicate | undefined {
  if (condition.kind !== 'call' || condition.operator === undefined) return undefined;
  const [first, ...others] = condition.args;
  const [second] = others;
  if (first === undefined || second === undefined) return undefined;
  const { operator } = condition;
  if (operator === 'in') return comparedWith(relation, first, '=', others);
  if (!isOrdering(operator)) return undefined;
  return (
    comparedWith(relation, first, operator, [second]) ??
    comparedWith(relation, second, mirrored[operator], [first])
  );
}

function isOrdering(operator: CallOperator): operator is Ordering {
  return Object.hasOwn(mirrored, operator);
}

/** The predicate of `operand operator constant`, for any of the constants. */
function comparedWith(
  relation: string,
  operand: BoundExpression,
  operator: Ordering,
  constants: readonly BoundExpression[],
): FoundPredicate | undefined {
  const column = columnOf(operand);
  if (column?.relation !== relation || !isOrdered(column)) return undefined;
  if (constants.length > constantsMax || !constants.every(isConstant)) return undefined;
  const bound = (name: 'min' | 'max') =>
    renderExpression(operand, {
      column: () => `"${name}".${quoteIdentifier(column.column)}`,
      query: () => '',
    });
  const matches = (value: string) => {
    if (operator === '=') return `(${bound('min')} <= ${value} AND ${bound('max')} >= ${value})`;
    return `(${bound(operator.startsWith('<') ? 'min' : 'max')} ${operator} ${value})`;
  };
  const alternatives = constants.map((constant) =>
    matches(renderExpression(constant, { column: () => '', query: () => '' })),
  );
  return { column, predicate: `(${alternatives.join(' OR ')})` };
}

/** The column that an operand is, or is an order-keeping conversion of. */
function columnOf(operand: BoundExpression): BoundColumn | undefined {
  if (operand.kind === 'column') return operand;
  const [converted] = operand.kind === 'call' && operand.operator === 'ascending' ? operand.args : [];
  return converted === undefined ? undefined : columnOf(converted);
}

/** Whether leaves know the bounds of such columns. */
function isOrdered({ type }: BoundColumn): boolean {
  const typeClass = classOf(type);
  return typeClass !== 'json' && typeClass !== 'blob' && typeClass !== 'null';
}

/** A call without arguments may give another value each time. */
function isConstant(expression: BoundExpression): boolean {
  if (expression.kind === 'literal') return true;
  return expression.kind === 'call' && expression.args.length > 0 && expression.args.every(isConstant);
}
