import { MillraceError } from '@millrace/errors/millrace-error';
import type { ComparisonOperator, Expression } from '@millrace/sql/ast/expression';
import type { Query } from '@millrace/sql/ast/query';
import { type BoundExpression, call, literal } from '../bound/bound-expression.ts';
import type { BoundQuery } from '../bound/bound-query.ts';
import { outerColumnsOf } from '../bound/walk.ts';
import {
  type ComparisonSql,
  compare,
  comparisonType,
  conjunction,
  disjunction,
  inList,
  negation,
} from '../types/compare.ts';
import { asValue, convertTo } from '../types/convert.ts';
import { intType } from '../types/type-class.ts';
import { bindScalar } from './bind-literal.ts';
import type { Binder, BindQuery, InitResult } from './binder.ts';
import { convertQuery } from './convert-query.ts';
import type { ExpressionEnvironment } from './expression-environment.ts';

export const comparisonSql: Readonly<Record<ComparisonOperator, ComparisonSql>> = {
  '=': '=',
  '<=>': 'IS NOT DISTINCT FROM',
  '<>': '<>',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
};

/** More rows are not worth being constants of the statement. */
const initRowsMax = 1000;

/**
 * The rows of an uncorrelated subquery of a change, none while they are not known. Other subqueries stay where they are:
 * those of queries, correlated ones, and those with more than `rowsMax` rows.
 */
type InitAnswer = { readonly kind: 'stays' } | { readonly kind: 'rows'; readonly rows: InitResult };

function askInit(binder: Binder, query: BoundQuery, rowsMax: number): InitAnswer {
  const init = binder.initQueries;
  if (init === undefined || outerColumnsOf(query).length > 0) return { kind: 'stays' };
  init.queries.push({ ...query, limit: lesser(query.limit, BigInt(rowsMax) + 1n) });
  const rows = init.results[init.queries.length - 1] ?? [];
  return rows.length > rowsMax ? { kind: 'stays' } : { kind: 'rows', rows };
}

function lesser(limit: bigint | undefined, other: bigint): bigint {
  return limit === undefined || limit > other ? other : limit;
}

/** `(query)` as a value. */
export function bindScalarSubquery(
  binder: Binder,
  node: Query,
  environment: ExpressionEnvironment,
  bindQuery: BindQuery,
): BoundExpression {
  const query = bindQuery(binder, node, environment);
  requireColumns(query, 1);
  const [column] = query.columns;
  // Two rows are one too many already.
  const answer = askInit(binder, { ...query, limit: lesser(query.limit, 2n) }, 2);
  if (answer.kind === 'rows') {
    if (answer.rows.length > 1) throw new MillraceError('SUBQUERY_ROWS', 'Subquery returns more than 1 row');
    return column === undefined
      ? literal({ kind: 'null' }, null)
      : literal(column.type, answer.rows[0]?.[0] ?? null);
  }
  return { kind: 'subquery', form: 'scalar', query, type: column?.type ?? { kind: 'null' }, nullable: true };
}

/** `EXISTS (query)`. */
export function bindExists(
  binder: Binder,
  node: Query,
  environment: ExpressionEnvironment,
  bindQuery: BindQuery,
): BoundExpression {
  const query = bindQuery(binder, node, environment);
  // One row says it all.
  const answer = askInit(binder, { ...query, limit: lesser(query.limit, 1n) }, 1);
  if (answer.kind === 'rows') return truth(answer.rows.length > 0);
  return { kind: 'subquery', form: 'exists', query, type: intType, nullable: false };
}

function truth(value: boolean): BoundExpression {
  return call(intType, [], () => (value ? 'TRUE' : 'FALSE'), { predicate: true, nullable: false });
}

/** `operand operator ANY|ALL (query)`; IN is `= ANY`, NOT IN is `<> ALL`. */
export function bindQuantified(
  binder: Binder,
  comparison: { readonly operator: ComparisonOperator; readonly quantifier: 'any' | 'all' },
  operandNode: Expression,
  node: Query,
  environment: ExpressionEnvironment,
  bindQuery: BindQuery,
  bind: (expression: Expression, environment: ExpressionEnvironment) => BoundExpression,
): BoundExpression {
  const operands = (operandNode.kind === 'row' ? operandNode.items : [operandNode]).map((item) =>
    asValue(bind(item, environment)),
  );
  const query = bindQuery(binder, node, environment);
  requireColumns(query, operands.length);
  const answer = askInit(binder, query, initRowsMax);
  if (answer.kind === 'rows') return compareWithRows(comparison, operands, query, answer.rows);
  if (operands.length > 1 && outerColumnsOf(query).length > 0) {
    throw new MillraceError(
      'SQL_UNSUPPORTED',
      'a correlated subquery cannot be compared with a row; use EXISTS',
    );
  }
  const types = query.columns.map((column, at) =>
    comparisonType(operands[at]?.type ?? column.type, column.type),
  );
  const converted = operands.map((operand, at) => {
    const type = types[at];
    return type === undefined ? operand : convertTo(operand, type);
  });
  const [single] = converted;
  const operand =
    converted.length === 1 && single !== undefined
      ? single
      : call(intType, converted, (parts) => `(${parts.join(', ')})`);
  return {
    kind: 'subquery',
    form: 'quantified',
    operator: comparisonSql[comparison.operator],
    quantifier: comparison.quantifier,
    operand,
    query: convertQuery(
      binder,
      query,
      query.columns.map((column, at) => types[at] ?? column.type),
    ),
    type: intType,
    nullable: true,
  };
}

function compareWithRows(
  { operator, quantifier }: { readonly operator: ComparisonOperator; readonly quantifier: 'any' | 'all' },
  operands: readonly BoundExpression[],
  query: BoundQuery,
  rows: InitResult,
): BoundExpression {
  if (rows.length === 0) return truth(quantifier === 'all');
  const [operand, ...others] = operands;
  const isList = quantifier === 'any' ? operator === '=' : operator === '<>';
  if (operand !== undefined && others.length === 0 && isList) {
    const type = query.columns[0]?.type ?? { kind: 'null' };
    const list = inList(
      operand,
      rows.map(([value = null]) => literal(type, value)),
    );
    return quantifier === 'any' ? list : negation(list);
  }
  const comparisons = rows.map((row) => {
    const columns = operands.map((operand, at) => {
      const value = row[at] ?? null;
      const type = query.columns[at]?.type;
      return compare(
        comparisonSql[operator],
        operand,
        type === undefined ? bindScalar(value) : literal(type, value),
      );
    });
    return operator === '<>' ? disjunction(columns) : conjunction(columns);
  });
  return quantifier === 'any' ? disjunction(comparisons) : conjunction(comparisons);
}

function requireColumns(query: BoundQuery, count: number): void {
  if (query.columns.length === count) return;
  throw new MillraceError('SUBQUERY_COLUMNS', `Operand should contain ${count} column(s)`);
}
