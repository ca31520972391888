import type { Select, SelectItem, SelectStar } from '../ast/query.ts';
import { parseExpression } from './expression.ts';
import type { Parser } from './parser.ts';
import { parseTableReferences } from './table-reference.ts';

/** Parses `SELECT …` up to HAVING. */
export function parseSelect(parser: Parser): Select {
  const position = parser.position;
  parser.expect('SELECT');
  const distinct = parseModifiers(parser);
  const items = parser.list(() => parseSelectItem(parser));
  if (parser.at('INTO')) parser.unsupported('SELECT … INTO');
  const from = parser.accept('FROM') ? parseFrom(parser) : [];
  const where = parser.accept('WHERE') ? parseExpression(parser) : undefined;
  const groupBy = parser.acceptAll('GROUP', 'BY') ? parser.list(() => parseExpression(parser)) : [];
  const rollup = groupBy.length > 0 && parser.acceptAll('WITH', 'ROLLUP');
  const having = parser.accept('HAVING') ? parseExpression(parser) : undefined;
  return { kind: 'select', distinct, items, from, where, groupBy, rollup, having, position };
}

/** Hints to MySQL's optimizer, which change no result. */
const ignoredModifiers = [
  'ALL',
  'HIGH_PRIORITY',
  'STRAIGHT_JOIN',
  'SQL_SMALL_RESULT',
  'SQL_BIG_RESULT',
  'SQL_BUFFER_RESULT',
  'SQL_NO_CACHE',
] as const;

/** Takes the words between SELECT and its items. True: the rows are to be distinct. */
function parseModifiers(parser: Parser): boolean {
  let distinct = false;
  for (;;) {
    if (parser.at('SQL_CALC_FOUND_ROWS')) parser.unsupported('SQL_CALC_FOUND_ROWS');
    if (parser.acceptAny('DISTINCT', 'DISTINCTROW') !== undefined) distinct = true;
    else if (parser.acceptAny(...ignoredModifiers) === undefined) return distinct;
  }
}

function parseSelectItem(parser: Parser): SelectItem {
  const position = parser.position;
  const star = parseStar(parser);
  if (star !== undefined) return star;
  const expression = parseExpression(parser);
  const sourceText = parser.tokens.source.slice(position, parser.tokens.previousEnd);
  return { kind: 'expression', expression, alias: parseSelectAlias(parser), sourceText, position };
}

/** Parses `*`, `t.*` or `db.t.*` if one of them is here. */
function parseStar(parser: Parser): SelectStar | undefined {
  const position = parser.position;
  if (parser.accept('*')) return { kind: 'star', database: undefined, table: undefined, position };
  if (!parser.atIdentifier() || !parser.at('.', 1)) return undefined;
  if (parser.at('*', 2)) {
    const table = parser.identifier('a table name');
    parser.expect('.', '*');
    return { kind: 'star', database: undefined, table, position };
  }
  if (!parser.at('.', 3) || !parser.at('*', 4)) return undefined;
  const database = parser.identifier('a database name');
  parser.expect('.');
  const table = parser.anyWord('a table name');
  parser.expect('.', '*');
  return { kind: 'star', database, table, position };
}

function parseSelectAlias(parser: Parser): string | undefined {
  const named = parser.accept('AS');
  if (parser.atString) return parser.string('an alias');
  if (named || parser.atIdentifier()) return parser.identifier('an alias');
  return undefined;
}

function parseFrom(parser: Parser): Select['from'] {
  return parser.accept('DUAL') ? [] : parseTableReferences(parser);
}
