import type { BoundColumn, BoundExpression, BoundLiteral, BoundOrder } from '../bound/bound-expression.ts';
import type { BoundQuery } from '../bound/bound-query.ts';
import { classOf } from '../types/type-class.ts';
import { quoteBlob, quoteIdentifier, quoteLiteral } from './sql-text.ts';

/** Where an expression is rendered: what columns, aggregates and subqueries are called there. */
export interface RenderScope {
  column(column: BoundColumn): string;
  /** SQL that stands for a whole expression, such as the column that holds a group key; undefined to render it. */
  replacement?(expression: BoundExpression): string | undefined;
  /** SQL of a subquery, without parentheses. */
  query(query: BoundQuery): string;
}

/** The DuckDB SQL of an expression. */
export function renderExpression(expression: BoundExpression, scope: RenderScope): string {
  const replacement = scope.replacement?.(expression);
  if (replacement !== undefined) return replacement;
  const render = (part: BoundExpression) => renderExpression(part, scope);
  switch (expression.kind) {
    case 'literal':
      return renderLiteral(expression);
    case 'column':
      return scope.column(expression);
    case 'call':
      return expression.render(expression.args.map(render));
    case 'aggregate': {
      const order = renderOrder(expression.orderBy, scope);
      const orderBy = order === '' ? '' : ` ORDER BY ${order}`;
      const distinct = expression.distinct ? 'DISTINCT ' : '';
      return expression.spec.render(expression.args.map(render), { distinct, orderBy, over: '' });
    }
    case 'window': {
      const partition = expression.partitionBy.map(render).join(', ');
      const order = renderOrder(expression.orderBy, scope);
      const clauses = [
        ...(partition === '' ? [] : [`PARTITION BY ${partition}`]),
        ...(order === '' ? [] : [`ORDER BY ${order}`]),
        ...(expression.frame === '' ? [] : [expression.frame]),
      ];
      const distinct = expression.distinct ? 'DISTINCT ' : '';
      const over = ` OVER (${clauses.join(' ')})`;
      return expression.spec.render(expression.args.map(render), { distinct, orderBy: '', over });
    }
    case 'subquery':
      switch (expression.form) {
        case 'scalar':
          return `(${scope.query(expression.query)})`;
        case 'exists':
          return `EXISTS (${scope.query(expression.query)})`;
        case 'quantified': {
          const query = scope.query(expression.query);
          return `(${render(expression.operand)} ${quantifiedOperator(expression.operator, expression.quantifier)} (${query}))`;
        }
      }
  }
}

function quantifiedOperator(operator: string, quantifier: 'any' | 'all'): string {
  if (operator === '=' && quantifier === 'any') return 'IN';
  if (operator === '<>' && quantifier === 'all') return 'NOT IN';
  return `${operator} ${quantifier.toUpperCase()}`;
}

/**
 * A list of sort keys with MySQL's place for NULL: before every value, so first ascending and last descending. Constants
 * sort nothing and are left out.
 */
export function renderOrder(order: readonly BoundOrder[], scope: RenderScope): string {
  return order
    .filter(({ expression }) => expression.kind !== 'literal')
    .map(({ expression, descending }) => sortKey(renderExpression(expression, scope), descending))
    .join(', ');
}

export function sortKey(sql: string, descending: boolean): string {
  return `${sql} ${descending ? 'DESC NULLS LAST' : 'ASC NULLS FIRST'}`;
}

/** The DuckDB SQL of a constant. */
export function renderLiteral({ type, value }: BoundLiteral): string {
  if (value === null) return 'NULL';
  if (value instanceof Uint8Array) return quoteBlob(value);
  switch (classOf(type)) {
    case 'integer':
      return signed(value.toString());
    case 'decimal':
      return signed(value.toString());
    case 'double':
      return renderDouble(Number(value));
    case 'date':
      return `DATE ${quoteLiteral(value.toString())}`;
    case 'datetime':
      return `TIMESTAMP ${quoteLiteral(value.toString())}`;
    case 'time':
      return `TIME ${quoteLiteral(value.toString())}`;
    default:
      return quoteLiteral(value.toString());
  }
}

/** A leading minus gets parentheses: two in a row would begin a comment. */
function signed(text: string): string {
  return text.startsWith('-') ? `(${text})` : text;
}

function renderDouble(value: number): string {
  if (!Number.isFinite(value)) return `CAST('${value}' AS DOUBLE)`;
  const text = value.toString();
  return signed(text.includes('e') ? text : `${text}e0`);
}

/** Columns under their own relation and name: fragments, and the text that identifies an expression. */
export function ownColumn({ relation, column }: BoundColumn): string {
  return `${quoteIdentifier(relation)}.${quoteIdentifier(column)}`;
}

const canonicalScope: RenderScope = { column: ownColumn, query: (query) => `query ${query.id}` };
const canonicalTexts = new WeakMap<BoundExpression, string>();

/** Text that two expressions of one statement share exactly when they are the same expression. */
export function canonicalText(expression: BoundExpression): string {
  let text = canonicalTexts.get(expression);
  if (text === undefined) {
    text = renderExpression(expression, canonicalScope);
    canonicalTexts.set(expression, text);
  }
  return text;
}
