import type { DropTable, TruncateTable } from '../../ast/drop-table.ts';
import type { Parser } from '../parser.ts';

/** Parses what follows `DROP TABLE`. */
export function parseDropTable(parser: Parser, position: number): DropTable {
  const ifExists = parser.acceptAll('IF', 'EXISTS');
  const tables = parser.list(() => parser.objectName('a table name'));
  parser.acceptAny('RESTRICT', 'CASCADE');
  return { kind: 'dropTable', ifExists, tables, position };
}

export function parseTruncateTable(parser: Parser): TruncateTable {
  const position = parser.position;
  parser.expect('TRUNCATE');
  parser.accept('TABLE');
  return { kind: 'truncateTable', table: parser.objectName('a table name'), position };
}
