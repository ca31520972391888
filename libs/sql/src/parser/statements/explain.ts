import type { Describe, Explain } from '../../ast/explain.ts';
import type { Parser } from '../parser.ts';
import { atQuery, parseQuery } from '../query.ts';
import { parseDelete } from './delete.ts';
import { parseInsert } from './insert.ts';
import { parseUpdate } from './update.ts';

/** Parses DESCRIBE, DESC and EXPLAIN, which mean the same: a table is described, a statement explained. */
export function parseExplain(parser: Parser): Describe | Explain {
  const position = parser.position;
  if (parser.acceptAny('EXPLAIN', 'DESCRIBE', 'DESC') === undefined) parser.fail('EXPLAIN');
  const format = parseFormat(parser);
  if (format !== undefined || atExplainable(parser, 0)) {
    return { kind: 'explain', format: format ?? 'text', statement: parseExplainable(parser), position };
  }
  const table = parser.objectName('a table or statement');
  const column = parser.atEnd
    ? undefined
    : parser.atString
      ? parser.string('a column')
      : parser.identifier('a column name');
  return { kind: 'describe', table, column, position };
}

function parseFormat(parser: Parser): Explain['format'] | undefined {
  if (parser.acceptAll('FORMAT', '=')) {
    return parser.choose({ JSON: 'json', TRADITIONAL: 'text' } as const);
  }
  // JSON and EXTENDED may also be tables.
  if (!parser.atAny('JSON', 'EXTENDED') || !atExplainable(parser, 1)) return undefined;
  return parser.acceptAny('JSON', 'EXTENDED') === 'JSON' ? 'json' : 'extended';
}

function atExplainable(parser: Parser, ahead: number): boolean {
  return (
    atQuery(parser, ahead) ||
    ['(', 'INSERT', 'REPLACE', 'UPDATE', 'DELETE'].some((word) => parser.at(word, ahead))
  );
}

function parseExplainable(parser: Parser): Explain['statement'] {
  if (parser.atAny('INSERT', 'REPLACE')) return parseInsert(parser);
  if (parser.at('UPDATE')) return parseUpdate(parser);
  if (parser.at('DELETE')) return parseDelete(parser);
  return parseQuery(parser);
}
