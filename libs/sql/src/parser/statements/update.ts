import type { Update } from '../../ast/update.ts';
import { parseExpression } from '../expression.ts';
import type { Parser } from '../parser.ts';
import { parseOrderBy, parseRowLimit } from '../query.ts';
import { parseTableReferences } from '../table-reference.ts';
import { parseAssignments } from './insert.ts';

export function parseUpdate(parser: Parser): Update {
  const position = parser.position;
  parser.expect('UPDATE');
  parser.accept('LOW_PRIORITY');
  const ignore = parser.accept('IGNORE');
  const tables = parseTableReferences(parser);
  parser.expect('SET');
  const assignments = parseAssignments(parser);
  const where = parser.accept('WHERE') ? parseExpression(parser) : undefined;
  const orderBy = parseOrderBy(parser);
  const limit = parseRowLimit(parser);
  return { kind: 'update', ignore, tables, assignments, where, orderBy, limit, position };
}
