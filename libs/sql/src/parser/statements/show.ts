import type { ObjectName } from '../../ast/node.ts';
import type { Show, ShowFilter, ShowPlainKind, ShowSubject } from '../../ast/show.ts';
import { parseExpression } from '../expression.ts';
import type { Parser } from '../parser.ts';
import { parseLimit } from '../query.ts';

export function parseShow(parser: Parser): Show {
  const position = parser.position;
  parser.expect('SHOW');
  const subject = parseSubject(parser);
  return { kind: 'show', subject, filter: parseFilter(parser), position };
}

function parseFilter(parser: Parser): ShowFilter | undefined {
  if (parser.accept('LIKE')) return { kind: 'like', pattern: parseExpression(parser) };
  if (parser.accept('WHERE')) return { kind: 'where', condition: parseExpression(parser) };
  return undefined;
}

function parseSubject(parser: Parser): ShowSubject {
  const full = parser.accept('FULL');
  if (full && !parser.atAny('TABLES', 'COLUMNS', 'FIELDS', 'PROCESSLIST'))
    parser.fail('TABLES, COLUMNS or PROCESSLIST');
  for (const [words, kind] of plainSubjects) if (parser.acceptAll(...words)) return { kind };
  const word = parser.tokens.text();
  const parseKnown = Object.hasOwn(subjects, word) ? subjects[word] : undefined;
  if (parseKnown !== undefined) {
    parser.tokens.advance();
    return parseKnown(parser, full);
  }
  if (unsupportedSubjects.has(word)) parser.unsupported(`SHOW ${word}`);
  return parser.fail('what to show');
}

/** Longest first where one is the beginning of another. */
const plainSubjects: readonly (readonly [readonly string[], ShowPlainKind])[] = [
  [['LEAVES'], 'leaves'],
  [['AGGREGATORS'], 'aggregators'],
  [['EXTRACTORS'], 'extractors'],
  [['RUNNERS'], 'runners'],
  [['STORAGE', 'ENGINES'], 'engines'],
  [['ENGINES'], 'engines'],
  [['COLLATION'], 'collation'],
  [['CHARACTER', 'SET'], 'characterSet'],
  [['CHARSET'], 'characterSet'],
  [['DATABASE', 'STATUS'], 'databaseStatus'],
  [['PLUGINS'], 'plugins'],
  [['PRIVILEGES'], 'privileges'],
  [['FUNCTION', 'STATUS'], 'functionStatus'],
  [['PROCEDURE', 'STATUS'], 'procedureStatus'],
  [['FUNCTIONS'], 'functions'],
  [['PROCEDURES'], 'procedures'],
  [['AGGREGATES'], 'aggregates'],
  [['TRIGGERS'], 'triggers'],
  [['EVENTS'], 'events'],
  [['GRANTS'], 'grants'],
  [['CLUSTER', 'STATUS'], 'clusterStatus'],
];

const unsupportedSubjects: ReadonlySet<string> = new Set([
  'BINARY',
  'BINLOG',
  'COLUMNAR',
  'COUNT',
  'ENGINE',
  'GROUPS',
  'LINKS',
  'LOAD',
  'MASTER',
  'OPEN',
  'PLAN',
  'PLANCACHE',
  'PROFILE',
  'PROFILES',
  'REBALANCE',
  'REPLICATION',
  'REPRODUCTION',
  'RESOURCE',
  'ROLES',
  'SLAVE',
  'TEMPORARY',
  'USERS',
]);

type SubjectParser = (parser: Parser, full: boolean) => ShowSubject;

const parseColumns: SubjectParser = (parser, full) => ({
  kind: 'columns',
  full,
  table: parseTableOf(parser),
});
const parseIndexes: SubjectParser = (parser) => ({ kind: 'indexes', table: parseTableOf(parser) });
const parseDatabases: SubjectParser = (parser) => ({
  kind: 'databases',
  extended: parser.accept('EXTENDED'),
});

const subjects: Readonly<Record<string, SubjectParser>> = {
  DATABASES: parseDatabases,
  SCHEMAS: parseDatabases,
  TABLES(parser, full) {
    const extended = parser.accept('EXTENDED');
    return { kind: 'tables', full, extended, database: parseDatabaseOf(parser) };
  },
  TABLE(parser) {
    parser.expect('STATUS');
    return { kind: 'tableStatus', database: parseDatabaseOf(parser) };
  },
  COLUMNS: parseColumns,
  FIELDS: parseColumns,
  INDEX: parseIndexes,
  INDEXES: parseIndexes,
  KEYS: parseIndexes,
  CREATE: parseCreate,
  PIPELINES: (parser) => ({ kind: 'pipelines', database: parseDatabaseOf(parser) }),
  PARTITIONS(parser) {
    const extended = parser.accept('EXTENDED');
    const database = parser.accept('ON') ? parser.identifier('a database name') : undefined;
    return { kind: 'partitions', extended, database };
  },
  WARNINGS: (parser) => ({ kind: 'warnings', limit: parseLimit(parser) }),
  ERRORS: (parser) => ({ kind: 'errors', limit: parseLimit(parser) }),
  PROCESSLIST: (_, full) => ({ kind: 'processlist', full }),
  VARIABLES: (parser) => parseSettings(parser, 'variables', 'session'),
  STATUS: (parser) => parseSettings(parser, 'status', 'session'),
  GLOBAL: (parser) => parseScopedSettings(parser, 'global'),
  SESSION: (parser) => parseScopedSettings(parser, 'session'),
  LOCAL: (parser) => parseScopedSettings(parser, 'session'),
};

function parseScopedSettings(parser: Parser, scope: 'session' | 'global'): ShowSubject {
  const kind = parser.choose({ VARIABLES: 'variables', STATUS: 'status' } as const);
  return parseSettings(parser, kind, scope);
}

function parseSettings(
  parser: Parser,
  kind: 'variables' | 'status',
  scope: 'session' | 'global',
): ShowSubject {
  return { kind, scope, extended: parser.accept('EXTENDED') };
}

function parseDatabaseOf(parser: Parser): string | undefined {
  return parser.acceptAny('FROM', 'IN') === undefined ? undefined : parser.identifier('a database name');
}

/** `FROM t`, `FROM db.t`, `FROM t FROM db`. */
function parseTableOf(parser: Parser): ObjectName {
  if (parser.acceptAny('FROM', 'IN') === undefined) parser.fail('FROM');
  const table = parser.objectName('a table name');
  const database = parseDatabaseOf(parser);
  return database === undefined ? table : { ...table, database };
}

function parseCreate(parser: Parser): ShowSubject {
  if (parser.acceptAny('DATABASE', 'SCHEMA') !== undefined) {
    parser.acceptAll('IF', 'NOT', 'EXISTS');
    return { kind: 'createDatabase', database: parser.identifier('a database name') };
  }
  if (parser.accept('TABLE')) return { kind: 'createTable', table: parser.objectName('a table name') };
  if (parser.accept('PIPELINE')) {
    const pipeline = parser.objectName('a pipeline name');
    return { kind: 'createPipeline', pipeline, extended: parser.accept('EXTENDED') };
  }
  if (parser.tokens.kind() === 'word') parser.unsupported(`SHOW CREATE ${parser.tokens.text()}`);
  return parser.fail('TABLE, DATABASE or PIPELINE');
}
