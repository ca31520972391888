import type { Delete } from '../../ast/delete.ts';
import type { ObjectName } from '../../ast/node.ts';
import type { TableReference } from '../../ast/query.ts';
import { parseExpression } from '../expression.ts';
import type { Parser } from '../parser.ts';
import { parseOrderBy, parseRowLimit } from '../query.ts';
import { parseTableReferences } from '../table-reference.ts';

/** Parses the plain form, `DELETE t FROM t JOIN …` and `DELETE FROM t USING t JOIN …`. */
export function parseDelete(parser: Parser): Delete {
  const position = parser.position;
  parser.expect('DELETE');
  parser.acceptAny('LOW_PRIORITY', 'QUICK');
  if (parser.at('IGNORE')) parser.unsupported('DELETE IGNORE');
  const { targets, from } = parseTables(parser);
  const where = parser.accept('WHERE') ? parseExpression(parser) : undefined;
  const orderBy = parseOrderBy(parser);
  const limit = parseRowLimit(parser);
  return { kind: 'delete', targets, from, where, orderBy, limit, position };
}

function parseTables(parser: Parser): { targets: ObjectName[]; from: TableReference[] } {
  if (!parser.accept('FROM')) {
    const targets = parseTargets(parser);
    parser.expect('FROM');
    return { targets, from: parseTableReferences(parser) };
  }
  const from = parseTableReferences(parser);
  if (!parser.accept('USING')) return { targets: [], from };
  const targets = from.map((reference) => {
    if (reference.kind !== 'table' || reference.alias !== undefined)
      parser.fail('plain table names before USING');
    return reference.name;
  });
  return { targets, from: parseTableReferences(parser) };
}

/** `t.*` is an old spelling of the target `t`. */
function parseTargets(parser: Parser): ObjectName[] {
  return parser.list(() => {
    const position = parser.position;
    const name = parser.identifier('a table name');
    if (parser.acceptAll('.', '*') || !parser.accept('.')) return { database: undefined, name, position };
    const target = { database: name, name: parser.anyWord('a table name'), position };
    parser.acceptAll('.', '*');
    return target;
  });
}
