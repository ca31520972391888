import type {
  CommonTableExpression,
  JoinCondition,
  Limit,
  OrderItem,
  Query,
  QueryBody,
  Select,
  SelectItem,
  SetOperation,
  TableReference,
} from '../ast/query.ts';
import { setOperationPrecedence } from '../precedence.ts';
import { printExpression, printList } from './expression.ts';
import { printObjectName, quoteIdentifier, quoteIdentifiers } from './quote.ts';

const lockingClauses = { update: 'FOR UPDATE', share: 'LOCK IN SHARE MODE' } as const;

export function printQuery({ ctes, body, orderBy, limit, locking }: Query): string {
  const parts: string[] = [];
  if (ctes.length > 0) parts.push(`WITH ${ctes.map(printCommonTableExpression).join(', ')}`);
  parts.push(printBody(body));
  if (orderBy.length > 0) parts.push(printOrderBy(orderBy));
  if (limit !== undefined) parts.push(printLimit(limit));
  if (locking !== undefined) parts.push(lockingClauses[locking]);
  return parts.join(' ');
}

function printCommonTableExpression({ name, columns, query }: CommonTableExpression): string {
  return `${quoteIdentifier(name)}${printColumnAliases(columns)} AS (${printQuery(query)})`;
}

function printColumnAliases(columns: readonly string[]): string {
  return columns.length === 0 ? '' : ` ${quoteIdentifiers(columns)}`;
}

function printBody(body: QueryBody): string {
  switch (body.kind) {
    case 'select':
      return printSelect(body);
    case 'setOperation':
      return printSetOperation(body);
    case 'query':
      return `(${printQuery(body)})`;
  }
}

function printSetOperation({ operator, all, left, right }: SetOperation): string {
  const level = setOperationPrecedence[operator];
  const word = `${operator.toUpperCase()}${all ? ' ALL' : ''}`;
  return `${printOperand(left, level)} ${word} ${printOperand(right, level + 1)}`;
}

function printOperand(body: QueryBody, precedenceMin: number): string {
  const text = printBody(body);
  return body.kind === 'setOperation' && setOperationPrecedence[body.operator] < precedenceMin
    ? `(${text})`
    : text;
}

function printSelect({ distinct, items, from, where, groupBy, rollup, having }: Select): string {
  const parts = [`SELECT ${distinct ? 'DISTINCT ' : ''}${items.map(printSelectItem).join(', ')}`];
  if (from.length > 0) parts.push(`FROM ${printTableReferences(from)}`);
  // A WHERE needs a FROM for other parsers of the dialect.
  else if (where !== undefined) parts.push('FROM DUAL');
  if (where !== undefined) parts.push(`WHERE ${printExpression(where)}`);
  if (groupBy.length > 0) parts.push(`GROUP BY ${printList(groupBy)}${rollup ? ' WITH ROLLUP' : ''}`);
  if (having !== undefined) parts.push(`HAVING ${printExpression(having)}`);
  return parts.join(' ');
}

function printSelectItem(item: SelectItem): string {
  if (item.kind === 'expression') return `${printExpression(item.expression)}${printAlias(item.alias)}`;
  const qualifiers = [item.database, item.table].filter((part) => part !== undefined);
  return [...qualifiers.map(quoteIdentifier), '*'].join('.');
}

function printAlias(alias: string | undefined): string {
  return alias === undefined ? '' : ` AS ${quoteIdentifier(alias)}`;
}

export function printTableReferences(references: readonly TableReference[]): string {
  return references.map(printTableReference).join(', ');
}

const joinWords = { inner: 'JOIN', left: 'LEFT JOIN', right: 'RIGHT JOIN', full: 'FULL JOIN' } as const;

function printTableReference(reference: TableReference): string {
  switch (reference.kind) {
    case 'table':
      return `${printObjectName(reference.name)}${printAlias(reference.alias)}`;
    case 'derived': {
      const { query, alias, columns } = reference;
      return `(${printQuery(query)})${printAlias(alias)}${printColumnAliases(columns)}`;
    }
    case 'join': {
      const { type, left, right, condition } = reference;
      const natural = condition.kind === 'natural' ? 'NATURAL ' : '';
      const rightText =
        right.kind === 'join' ? `(${printTableReference(right)})` : printTableReference(right);
      return `${printTableReference(left)} ${natural}${joinWords[type]} ${rightText}${printJoinCondition(condition)}`;
    }
  }
}

function printJoinCondition(condition: JoinCondition): string {
  if (condition.kind === 'on') return ` ON ${printExpression(condition.on)}`;
  if (condition.kind === 'using') return ` USING ${quoteIdentifiers(condition.columns)}`;
  return '';
}

export function printOrderBy(items: readonly OrderItem[]): string {
  return `ORDER BY ${items.map(printOrderItem).join(', ')}`;
}

function printOrderItem({ expression, direction }: OrderItem): string {
  return `${printExpression(expression)}${direction === 'desc' ? ' DESC' : ''}`;
}

export function printLimit({ count, offset }: Limit): string {
  const countText = printExpression(count);
  return offset === undefined ? `LIMIT ${countText}` : `LIMIT ${countText} OFFSET ${printExpression(offset)}`;
}
