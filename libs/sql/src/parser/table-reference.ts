import type { DerivedTable, Join, JoinCondition, Query, TableReference } from '../ast/query.ts';
import { parseExpression } from './expression.ts';
import type { Parser } from './parser.ts';
import {
  atQuery,
  atQueryContinuation,
  parseColumnAliases,
  parseQuery,
  parseQueryContinuation,
} from './query.ts';

/** Parses the comma-separated entries of FROM, or of the table list of UPDATE. */
export function parseTableReferences(parser: Parser): TableReference[] {
  return parser.list(() => parseTableReference(parser));
}

function parseTableReference(parser: Parser): TableReference {
  let left = parseTableFactor(parser);
  for (;;) {
    const join = parseJoinWord(parser);
    if (join === undefined) return left;
    left = parseJoin(parser, left, join);
    parser.chainedCount += 1;
  }
}

interface JoinWord {
  readonly type: Join['type'];
  readonly natural: boolean;
  /** CROSS JOIN, STRAIGHT_JOIN, JOIN and INNER JOIN do not need a condition. */
  readonly optional: boolean;
}

function parseJoinWord(parser: Parser): JoinWord | undefined {
  if (parser.accept('STRAIGHT_JOIN')) return { type: 'inner', natural: false, optional: true };
  const natural = parser.accept('NATURAL');
  const word =
    parser.at('FULL') && !atFullJoin(parser) ? undefined : parser.acceptAny('LEFT', 'RIGHT', 'FULL');
  if (word !== undefined) {
    parser.accept('OUTER');
    parser.expect('JOIN');
    const type = word === 'LEFT' ? 'left' : word === 'RIGHT' ? 'right' : 'full';
    return { type, natural, optional: false };
  }
  const inner = parser.acceptAny('INNER', 'CROSS') !== undefined;
  if (parser.accept('JOIN')) return { type: 'inner', natural, optional: true };
  if (inner || natural) parser.fail('JOIN');
  return undefined;
}

function atFullJoin(parser: Parser): boolean {
  return parser.atAll('FULL', 'JOIN') || parser.atAll('FULL', 'OUTER', 'JOIN');
}

function parseJoin(parser: Parser, left: TableReference, word: JoinWord): Join {
  const right = parseTableFactor(parser);
  const { position } = left;
  const condition: JoinCondition = word.natural ? { kind: 'natural' } : parseJoinCondition(parser);
  if (condition.kind === 'none' && !word.optional) parser.fail('ON or USING');
  return { kind: 'join', type: word.type, left, right, condition, position };
}

function parseJoinCondition(parser: Parser): JoinCondition {
  // INSERT … SELECT … JOIN t ON DUPLICATE KEY UPDATE has no condition.
  if (parser.at('ON') && !parser.atAll('ON', 'DUPLICATE', 'KEY')) {
    parser.expect('ON');
    return { kind: 'on', on: parseExpression(parser) };
  }
  if (parser.accept('USING')) {
    return { kind: 'using', columns: parser.parenthesized(() => parser.identifier('a column name')) };
  }
  return { kind: 'none' };
}

function parseTableFactor(parser: Parser): TableReference {
  const position = parser.position;
  if (parser.at('(')) return parseParenthesizedFactor(parser);
  if (parser.at('::')) parser.unsupported('a result table');
  const name = parser.objectName('a table name');
  if (parser.at('(')) parser.unsupported('a table function');
  if (parser.at('PARTITION')) parser.unsupported('PARTITION (…) after a table name');
  const alias = parseTableAlias(parser);
  skipIndexHints(parser);
  return { kind: 'table', name, alias, position };
}

/** What stands in parentheses is a query, or table references, which may themselves begin with parentheses. */
function parseParenthesizedFactor(parser: Parser): TableReference {
  const position = parser.position;
  parser.expect('(');
  if (atQuery(parser)) return parseDerivedEnd(parser, parseQuery(parser), position);
  const [first, ...others] = parser.nested(() => parseTableReferences(parser));
  if (first === undefined) parser.fail('a table name');
  const query = others.length === 0 ? bareQueryOf(first) : undefined;
  if (query !== undefined) {
    const whole = atQueryContinuation(parser) ? parseQueryContinuation(parser, query) : query;
    return parseDerivedEnd(parser, whole, position);
  }
  parser.expect(')');
  return others.reduce<TableReference>((left, right) => {
    parser.chainedCount += 1;
    return { kind: 'join', type: 'inner', left, right, condition: { kind: 'none' }, position };
  }, first);
}

function bareQueryOf(reference: TableReference): Query | undefined {
  if (reference.kind !== 'derived' || reference.alias !== undefined) return undefined;
  return reference.query;
}

function parseDerivedEnd(parser: Parser, query: Query, position: number): DerivedTable {
  parser.expect(')');
  const alias = parseTableAlias(parser);
  const columns = alias === undefined ? [] : parseColumnAliases(parser);
  return { kind: 'derived', query, alias, columns, position };
}

function parseTableAlias(parser: Parser): string | undefined {
  if (parser.accept('AS')) return parser.identifier('an alias');
  return parser.atIdentifier() && !atFullJoin(parser) ? parser.identifier('an alias') : undefined;
}

function skipIndexHints(parser: Parser): void {
  while (parser.atAny('USE', 'FORCE', 'IGNORE') && (parser.at('INDEX', 1) || parser.at('KEY', 1))) {
    parser.tokens.advance();
    parser.tokens.advance();
    if (parser.accept('FOR')) {
      if (parser.acceptAny('JOIN') === undefined) {
        parser.acceptAny('ORDER', 'GROUP');
        parser.expect('BY');
      }
    }
    parser.expect('(');
    if (!parser.at(')')) parser.list(() => parser.anyWord('an index name'));
    parser.expect(')');
  }
}
