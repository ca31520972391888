import type { AssignedValue, Assignment, Insert, InsertSource } from '../../ast/insert.ts';
import type { ColumnName } from '../../ast/node.ts';
import { parseExpression } from '../expression.ts';
import type { Parser } from '../parser.ts';
import { parseColumn } from '../primary.ts';
import { atQuery, parseQuery } from '../query.ts';

/** Parses INSERT and REPLACE. */
export function parseInsert(parser: Parser): Insert {
  const position = parser.position;
  const replace = parser.accept('REPLACE');
  if (!replace) parser.expect('INSERT');
  parser.acceptAny('LOW_PRIORITY', 'HIGH_PRIORITY', 'DELAYED');
  const ignore = !replace && parser.accept('IGNORE');
  parser.accept('INTO');
  const table = parser.objectName('a table name');
  const { columns, source } = parser.accept('SET') ? parseSetForm(parser) : parseListForm(parser);
  const onDuplicateKeyUpdate = replace ? [] : parseOnDuplicateKeyUpdate(parser);
  return { kind: 'insert', replace, ignore, table, columns, source, onDuplicateKeyUpdate, position };
}

interface InsertBody {
  readonly columns: readonly ColumnName[];
  readonly source: InsertSource;
}

function parseSetForm(parser: Parser): InsertBody {
  const columns: ColumnName[] = [];
  const row: AssignedValue[] = [];
  parser.list(() => {
    columns.push(parseColumnName(parser));
    if (parser.acceptAny('=', ':=') === undefined) parser.fail('=');
    row.push(parseAssignedValue(parser));
  });
  return { columns, source: { kind: 'values', rows: [row] } };
}

function parseListForm(parser: Parser): InsertBody {
  const columns = atColumnList(parser) ? parseColumnList(parser) : [];
  if (parser.acceptAny('VALUES', 'VALUE') !== undefined) {
    return { columns, source: { kind: 'values', rows: parser.list(() => parseRow(parser)) } };
  }
  if (!atQuery(parser) && !parser.at('(')) parser.fail('VALUES, SET or SELECT');
  return { columns, source: { kind: 'query', query: parseQuery(parser) } };
}

/** A parenthesis after the table opens the column list or a query. */
function atColumnList(parser: Parser): boolean {
  return parser.at('(') && !atQuery(parser, 1) && !parser.at('(', 1);
}

function parseColumnList(parser: Parser): ColumnName[] {
  parser.expect('(');
  const columns = parser.at(')') ? [] : parser.list(() => parseColumnName(parser));
  parser.expect(')');
  return columns;
}

/** A column of the target table; a qualifier before it can only name that table and is dropped. */
function parseColumnName(parser: Parser): ColumnName {
  const { name, position } = parseColumn(parser);
  return { name, position };
}

function parseRow(parser: Parser): AssignedValue[] {
  parser.expect('(');
  const row = parser.at(')') ? [] : parser.list(() => parseAssignedValue(parser));
  parser.expect(')');
  return row;
}

function parseAssignedValue(parser: Parser): AssignedValue {
  const position = parser.position;
  return parser.accept('DEFAULT') ? { kind: 'default', position } : parseExpression(parser);
}

/** Parses `column = value, …`. */
export function parseAssignments(parser: Parser): Assignment[] {
  return parser.list(() => {
    const position = parser.position;
    const column = parseColumn(parser);
    if (parser.atAny('::', '::$', '::%')) parser.unsupported('an assignment to a part of a JSON column');
    if (parser.acceptAny('=', ':=') === undefined) parser.fail('=');
    return { column, value: parseAssignedValue(parser), position };
  });
}

/** Parses an optional ON DUPLICATE KEY UPDATE. */
export function parseOnDuplicateKeyUpdate(parser: Parser): Assignment[] {
  if (!parser.accept('ON')) return [];
  parser.expect('DUPLICATE', 'KEY', 'UPDATE');
  return parseAssignments(parser);
}
