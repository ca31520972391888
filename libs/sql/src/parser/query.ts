import type {
  CommonTableExpression,
  Limit,
  LimitValue,
  OrderItem,
  Query,
  QueryBody,
  SetOperation,
} from '../ast/query.ts';
import { setOperationPrecedence } from '../precedence.ts';
import { parseExpression } from './expression.ts';
import { parseIntegerLiteral } from './literal.ts';
import type { Parser } from './parser.ts';
import { parseSelect } from './select.ts';

/** Whether a query without parentheses around it starts here, or some tokens ahead. */
export function atQuery(parser: Parser, ahead = 0): boolean {
  return parser.at('SELECT', ahead) || parser.at('WITH', ahead);
}

/** Whether what follows a query in parentheses makes it part of a larger query. */
export function atQueryContinuation(parser: Parser): boolean {
  return parser.atAny('UNION', 'EXCEPT', 'INTERSECT', 'ORDER', 'LIMIT', 'FOR', 'LOCK');
}

/** Parses a whole query, with or without parentheses around it. */
export function parseQuery(parser: Parser): Query {
  return parser.nested(() => {
    const position = parser.position;
    const ctes = parser.accept('WITH') ? parseCommonTableExpressions(parser) : [];
    const body = parseSetOperations(parser, parseQueryOperand(parser), 0);
    return parseQueryTail(parser, ctes, body, position);
  });
}

/** Parses the rest of a query whose first operand was a query in parentheses that is already parsed. */
export function parseQueryContinuation(parser: Parser, first: Query): Query {
  return parser.nested(() => {
    const body = parseSetOperations(parser, bodyOf(first), 0);
    return parseQueryTail(parser, [], body, first.position);
  });
}

function parseCommonTableExpressions(parser: Parser): CommonTableExpression[] {
  if (parser.at('RECURSIVE')) parser.unsupported('WITH RECURSIVE');
  return parser.list(() => {
    const position = parser.position;
    const name = parser.identifier('a name');
    const columns = parseColumnAliases(parser);
    parser.expect('AS', '(');
    const query = parseQuery(parser);
    parser.expect(')');
    return { name, columns, query, position };
  });
}

/** Parses an optional list of names in parentheses. */
export function parseColumnAliases(parser: Parser): string[] {
  return parser.at('(') ? parser.parenthesized(() => parser.identifier('a column name')) : [];
}

function parseQueryOperand(parser: Parser): QueryBody {
  if (parser.at('SELECT')) return parseSelect(parser);
  if (!parser.accept('(')) parser.fail('SELECT');
  const query = parseQuery(parser);
  parser.expect(')');
  return bodyOf(query);
}

/** A query in parentheses as part of another: without clauses of its own it is only its body. */
function bodyOf(query: Query): QueryBody {
  const plain =
    query.ctes.length === 0 &&
    query.orderBy.length === 0 &&
    query.limit === undefined &&
    query.locking === undefined;
  return plain ? query.body : query;
}

const setOperators = { UNION: 'union', EXCEPT: 'except', INTERSECT: 'intersect' } as const;

function setOperatorAt(parser: Parser): SetOperation['operator'] | undefined {
  const text = parser.tokens.text();
  return Object.hasOwn(setOperators, text) ? setOperators[text as keyof typeof setOperators] : undefined;
}

function parseSetOperations(parser: Parser, first: QueryBody, precedenceMin: number): QueryBody {
  let left = first;
  for (;;) {
    const operator = setOperatorAt(parser);
    if (operator === undefined || setOperationPrecedence[operator] < precedenceMin) return left;
    const position = left.position;
    parser.tokens.advance();
    const all = parser.acceptAny('ALL', 'DISTINCT') === 'ALL';
    const right = parseSetOperations(parser, parseQueryOperand(parser), setOperationPrecedence[operator] + 1);
    left = { kind: 'setOperation', operator, all, left, right, position };
    parser.chainedCount += 1;
  }
}

function parseQueryTail(
  parser: Parser,
  ctes: readonly CommonTableExpression[],
  firstBody: QueryBody,
  position: number,
): Query {
  let body = firstBody;
  for (;;) {
    const orderBy = parseOrderBy(parser);
    const limit = parseLimit(parser);
    if ((orderBy.length === 0 && limit === undefined) || setOperatorAt(parser) === undefined) {
      const locking = parseLocking(parser);
      if (parser.at('INTO')) parser.unsupported('SELECT … INTO');
      const query: Query = { kind: 'query', ctes, body, orderBy, limit, locking, position };
      return body.kind === 'query' && bodyOf(query) === body ? body : query;
    }
    // Some clients order the first part of a UNION without parentheses around it.
    const ordered: Query = { kind: 'query', ctes: [], body, orderBy, limit, locking: undefined, position };
    body = parseSetOperations(parser, ordered, 0);
    parser.chainedCount += 1;
  }
}

/** Parses an optional ORDER BY. */
export function parseOrderBy(parser: Parser): OrderItem[] {
  if (!parser.acceptAll('ORDER', 'BY')) return [];
  return parser.list(() => {
    const expression = parseExpression(parser);
    const direction = parser.acceptAny('ASC', 'DESC') === 'DESC' ? 'desc' : 'asc';
    return { expression, direction };
  });
}

/** Parses an optional LIMIT in one of its forms. */
export function parseLimit(parser: Parser): Limit | undefined {
  if (!parser.accept('LIMIT')) return undefined;
  const first = parseLimitValue(parser);
  if (parser.accept(',')) return { count: parseLimitValue(parser), offset: first };
  return { count: first, offset: parser.accept('OFFSET') ? parseLimitValue(parser) : undefined };
}

/** Parses an optional LIMIT without offset. */
export function parseRowLimit(parser: Parser): LimitValue | undefined {
  return parser.accept('LIMIT') ? parseLimitValue(parser) : undefined;
}

function parseLimitValue(parser: Parser): LimitValue {
  const position = parser.position;
  if (!parser.accept('?')) return parseIntegerLiteral(parser, 'a number of rows');
  const ordinal = parser.parameterCount;
  parser.parameterCount += 1;
  return { kind: 'parameter', ordinal, position };
}

function parseLocking(parser: Parser): Query['locking'] {
  if (parser.acceptAll('FOR', 'UPDATE')) return 'update';
  if (parser.acceptAll('FOR', 'SHARE') || parser.acceptAll('LOCK', 'IN', 'SHARE', 'MODE')) return 'share';
  return undefined;
}
