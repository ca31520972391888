import type {
  ColumnDefinition,
  CreateTable,
  KeyColumn,
  KeyDefinition,
  TableOption,
} from '../../ast/create-table.ts';
import type { Query } from '../../ast/query.ts';
import { parseCharacterSetName, parseDataType } from '../data-type.ts';
import { parseDefaultValue } from '../default-value.ts';
import type { Parser } from '../parser.ts';
import { atQuery, parseQuery } from '../query.ts';

/** Parses what follows CREATE; the word TABLE is somewhere in it. */
export function parseCreateTable(parser: Parser, position: number): CreateTable {
  const storage = parseStorage(parser);
  if (parser.atAny('TEMPORARY', 'GLOBAL')) parser.unsupported('CREATE TEMPORARY TABLE');
  const reference = parser.accept('REFERENCE');
  parser.expect('TABLE');
  const ifNotExists = parser.acceptAll('IF', 'NOT', 'EXISTS');
  const table = parser.objectName('a table name');
  if (parser.at('LIKE') || parser.atAll('(', 'LIKE')) parser.unsupported('CREATE TABLE … LIKE');
  const definitions: Definitions = { columns: [], keys: [] };
  const hasDefinitions = parser.at('(') && !atQuery(parser, 1);
  if (hasDefinitions) parser.parenthesized(() => parseDefinition(parser, definitions));
  const options = parseTableOptions(parser);
  const query = parseAsQuery(parser);
  if (!hasDefinitions && query === undefined) parser.fail('(');
  if (definitions.columns.length === 0 && query === undefined)
    parser.fail('AS and a query, as there are no columns');
  return {
    kind: 'createTable',
    storage,
    reference,
    ifNotExists,
    table,
    ...definitions,
    options,
    query,
    position,
  };
}

function parseStorage(parser: Parser): CreateTable['storage'] {
  const word = parser.acceptAny('ROWSTORE', 'COLUMNSTORE');
  return word === undefined ? undefined : word === 'ROWSTORE' ? 'rowstore' : 'columnstore';
}

interface Definitions {
  readonly columns: ColumnDefinition[];
  readonly keys: KeyDefinition[];
}

function parseDefinition(parser: Parser, { columns, keys }: Definitions): void {
  const key = parseKeyDefinition(parser);
  if (key !== undefined) keys.push(key);
  else columns.push(parseColumnDefinition(parser));
}

function parseColumnDefinition(parser: Parser): ColumnDefinition {
  const position = parser.position;
  const name = parser.identifier('a column or key definition');
  if (parser.at('AS')) parser.unsupported('a computed column');
  const { type, characterSet, collation } = parseDataType(parser);
  const attributes = parseColumnAttributes(parser, { characterSet, collation });
  return { name, type, ...attributes, position };
}

type ColumnAttributes = Omit<ColumnDefinition, 'name' | 'type' | 'position'>;
type Draft = { -readonly [Attribute in keyof ColumnAttributes]: ColumnAttributes[Attribute] };

function parseColumnAttributes(
  parser: Parser,
  text: Pick<Draft, 'characterSet' | 'collation'>,
): ColumnAttributes {
  const draft: Draft = {
    ...text,
    nullable: undefined,
    default: undefined,
    onUpdateNow: false,
    autoIncrement: false,
    key: undefined,
    comment: undefined,
  };
  for (;;) {
    const word = parser.tokens.text();
    const parseAttribute = Object.hasOwn(columnAttributes, word) ? columnAttributes[word] : undefined;
    if (parseAttribute === undefined) return draft;
    parseAttribute(parser, draft);
  }
}

const columnAttributes: Readonly<Record<string, (parser: Parser, draft: Draft) => void>> = {
  NOT(parser, draft) {
    parser.expect('NOT', 'NULL');
    draft.nullable = false;
  },
  NULL(parser, draft) {
    parser.expect('NULL');
    draft.nullable = true;
  },
  DEFAULT(parser, draft) {
    parser.expect('DEFAULT');
    draft.default = parseDefaultValue(parser);
  },
  ON(parser, draft) {
    parser.expect('ON', 'UPDATE');
    if (parser.acceptAny('CURRENT_TIMESTAMP', 'NOW', 'LOCALTIME', 'LOCALTIMESTAMP') === undefined) {
      parser.fail('CURRENT_TIMESTAMP');
    }
    if (parser.accept('(')) {
      if (!parser.at(')')) parser.integer('a precision');
      parser.expect(')');
    }
    draft.onUpdateNow = true;
  },
  AUTO_INCREMENT(parser, draft) {
    parser.expect('AUTO_INCREMENT');
    draft.autoIncrement = true;
  },
  PRIMARY(parser, draft) {
    parser.expect('PRIMARY', 'KEY');
    draft.key = 'primary';
  },
  KEY(parser, draft) {
    parser.expect('KEY');
    draft.key = 'primary';
  },
  UNIQUE(parser, draft) {
    parser.expect('UNIQUE');
    parser.accept('KEY');
    draft.key = 'unique';
  },
  COMMENT(parser, draft) {
    parser.expect('COMMENT');
    draft.comment = parser.string('a string');
  },
  COLLATE(parser, draft) {
    parser.expect('COLLATE');
    draft.collation = parseCharacterSetName(parser);
  },
  CHARACTER(parser, draft) {
    parser.expect('CHARACTER', 'SET');
    draft.characterSet = parseCharacterSetName(parser);
  },
  SPARSE: (parser) => parser.expect('SPARSE'),
  SERIES: (parser) => parser.expect('SERIES', 'TIMESTAMP'),
  AS: (parser) => parser.unsupported('a computed column'),
  GENERATED: (parser) => parser.unsupported('a computed column'),
  REFERENCES: (parser) => parser.unsupported('a foreign key'),
  CHECK: (parser) => parser.unsupported('a CHECK constraint'),
};

/** Parses a key of the table if one is here, otherwise takes nothing. */
function parseKeyDefinition(parser: Parser): KeyDefinition | undefined {
  const position = parser.position;
  if (parser.accept('CONSTRAINT')) {
    if (!parser.atAny('PRIMARY', 'UNIQUE', 'FOREIGN', 'CHECK', 'SHARD'))
      parser.identifier('a constraint name');
    return parseKeyDefinition(parser) ?? parser.fail('a key definition');
  }
  if (parser.at('FOREIGN')) parser.unsupported('a foreign key');
  if (parser.at('CHECK')) parser.unsupported('a CHECK constraint');
  if (parser.atAny('FULLTEXT', 'SPATIAL')) parser.unsupported(`a ${parser.tokens.text()} key`);
  if (parser.atAll('COLUMN', 'GROUP')) parser.unsupported('COLUMN GROUP');
  const kind = parseKeyKind(parser);
  return kind === undefined ? undefined : parseKey(parser, kind, position);
}

function parseKeyKind(parser: Parser): KeyDefinition['kind'] | undefined {
  if (parser.acceptAll('PRIMARY', 'KEY')) return 'primary';
  if (parser.acceptAll('SHARD', 'KEY')) return 'shard';
  if (parser.acceptAll('SORT', 'KEY')) return 'sort';
  if (parser.at('SHARD') && parser.at('(', 1) && parser.accept('SHARD')) return 'shard';
  if (parser.accept('UNIQUE')) {
    parser.acceptAny('KEY', 'INDEX');
    return 'unique';
  }
  return parser.acceptAny('KEY', 'INDEX') === undefined ? undefined : 'index';
}

type IndexMethod = 'hash' | 'btree' | 'columnstore';

function parseKey(parser: Parser, kind: KeyDefinition['kind'], position: number): KeyDefinition {
  const name = parser.atIdentifier() && !parser.at('USING') ? parser.identifier('a key name') : undefined;
  let method = parseMethod(parser);
  const columnsPosition = parser.position;
  parser.expect('(');
  const columns = parser.at(')') ? [] : parser.list(() => parseKeyColumn(parser));
  parser.expect(')');
  for (;;) {
    if (parser.at('USING')) method = parseMethod(parser);
    else if (!parseKeyOption(parser)) break;
  }
  if (method === 'columnstore') {
    if (kind !== 'index') parser.fail('KEY before USING CLUSTERED COLUMNSTORE');
    return { kind: 'sort', name, columns, using: undefined, position };
  }
  if (columns.length === 0 && kind !== 'shard' && kind !== 'sort') {
    throw parser.errorAt(columnsPosition, 'this key needs columns');
  }
  return { kind, name, columns, using: method, position };
}

function parseMethod(parser: Parser): IndexMethod | undefined {
  if (!parser.accept('USING')) return undefined;
  if (parser.acceptAll('CLUSTERED', 'COLUMNSTORE')) return 'columnstore';
  return parser.choose({ HASH: 'hash', BTREE: 'btree' } as const);
}

/** Takes an option that changes nothing here. False: none is here. */
function parseKeyOption(parser: Parser): boolean {
  if (parser.at('UNENFORCED')) parser.unsupported('an UNENFORCED key');
  if (parser.accept('METADATA_ONLY')) return true;
  if (parser.accept('COMMENT')) {
    parser.string('a string');
    return true;
  }
  if (!parser.acceptAll('WITH', '(')) return false;
  parser.list(() => {
    parser.identifier('an option name');
    parser.expect('=');
    parser.integer('a number');
  });
  parser.expect(')');
  return true;
}

/** A prefix length is accepted; the whole column is the key. */
function parseKeyColumn(parser: Parser): KeyColumn {
  const position = parser.position;
  const name = parser.identifier('a column name');
  if (parser.accept('(')) {
    parser.integer('a length');
    parser.expect(')');
  }
  const direction = parser.acceptAny('ASC', 'DESC') === 'DESC' ? 'desc' : 'asc';
  return { name, direction, position };
}

function parseTableOptions(parser: Parser): TableOption[] {
  const options: TableOption[] = [];
  while (parser.tokens.kind() === 'word' && !parser.at('AS') && !atQuery(parser)) {
    if (parser.at('PARTITION')) parser.unsupported('PARTITION BY');
    if (parser.atAny('IGNORE', 'REPLACE'))
      parser.unsupported(`CREATE TABLE … ${parser.tokens.text()} SELECT`);
    options.push(parseTableOption(parser));
    parser.accept(',');
  }
  return options;
}

function parseTableOption(parser: Parser): TableOption {
  const position = parser.position;
  parser.accept('DEFAULT');
  const name = parseOptionName(parser);
  parser.accept('=');
  const value =
    parser.tokens.kind() === 'integer'
      ? parser.integer('a value')
      : parser.atString
        ? parser.string('a value')
        : parser.anyWord('a value');
  return { name, value, position };
}

function parseOptionName(parser: Parser): string {
  if (parser.acceptAll('CHARACTER', 'SET') || parser.accept('CHARSET')) return 'CHARACTER SET';
  if (parser.accept('COLLATE')) return 'COLLATE';
  return parser.identifier('a table option').toUpperCase();
}

function parseAsQuery(parser: Parser): Query | undefined {
  if (!parser.accept('AS') && !atQuery(parser) && !parser.at('(')) return undefined;
  return parseQuery(parser);
}
