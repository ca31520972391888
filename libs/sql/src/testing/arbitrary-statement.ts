import fc from 'fast-check';
import type { CreateTable, KeyDefinition, TableOption } from '../ast/create-table.ts';
import type { Expression } from '../ast/expression.ts';
import type { AssignedValue, Assignment, Insert } from '../ast/insert.ts';
import type { SetAssignment } from '../ast/set.ts';
import type { ShowSubject } from '../ast/show.ts';
import type { Statement, StatementKind, StatementOf } from '../ast/statement.ts';
import {
  arbitraryExpression,
  arbitraryOrderItem,
  column,
  columnType,
  name,
  objectName,
  optional,
  position,
  some,
  text,
  unsigned,
  word,
} from './arbitrary-expression.ts';
import { alterPipeline, arbitraryCreatePipeline } from './arbitrary-pipeline.ts';
import { arbitraryQuery, arbitraryTableReference, limit, limitValue } from './arbitrary-query.ts';

const query = arbitraryQuery(2);
const expression: fc.Arbitrary<Expression> = arbitraryExpression(3, arbitraryQuery(1));
const assigned: fc.Arbitrary<AssignedValue> = fc.oneof(
  { weight: 4, arbitrary: expression },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('default'), position }) },
);
const assignment: fc.Arbitrary<Assignment> = fc.record({ column, value: assigned, position });
const assignments = fc.array(assignment, { maxLength: 2 });
const tables = some(arbitraryTableReference(1, arbitraryQuery(1), arbitraryExpression(1, arbitraryQuery(0))));
const orderBy = fc.array(arbitraryOrderItem(expression), { maxLength: 1 });
const columnName = fc.record({ name, position });
const accessMode = optional(fc.constantFrom('read only' as const, 'read write' as const));

const insert: fc.Arbitrary<Insert> = fc
  .record({
    kind: fc.constant('insert' as const),
    replace: fc.boolean(),
    ignore: fc.boolean(),
    table: objectName,
    columns: fc.array(columnName, { maxLength: 2 }),
    source: fc.oneof(
      fc.record({ kind: fc.constant('values' as const), rows: some(fc.array(assigned, { maxLength: 2 })) }),
      fc.record({ kind: fc.constant('query' as const), query }),
    ),
    onDuplicateKeyUpdate: assignments,
    position,
  })
  .map((statement) =>
    statement.replace ? { ...statement, ignore: false, onDuplicateKeyUpdate: [] } : statement,
  );

const keyColumn = fc.record({ name, direction: fc.constantFrom('asc' as const, 'desc' as const), position });
const key: fc.Arbitrary<KeyDefinition> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('primary', 'unique', 'index'),
    name: optional(name),
    columns: some(keyColumn),
    using: optional(fc.constantFrom('hash', 'btree')),
    position,
  }),
  fc.record({
    kind: fc.constantFrom('shard', 'sort'),
    name: optional(name),
    columns: fc.array(keyColumn, { maxLength: 2 }),
    using: fc.constant(undefined),
    position,
  }),
);
const tableOption: fc.Arbitrary<TableOption> = fc.record({
  name: fc.constantFrom(
    'ENGINE',
    'AUTO_INCREMENT',
    'CHARACTER SET',
    'COLLATE',
    'COMMENT',
    'AUTOSTATS_ENABLED',
  ),
  value: fc.oneof(text, unsigned),
  position,
});
const columnDefinition = fc.record({
  name,
  type: columnType,
  characterSet: optional(word),
  collation: optional(word),
  nullable: optional(fc.boolean()),
  default: optional(expression),
  onUpdateNow: fc.boolean(),
  autoIncrement: fc.boolean(),
  key: optional(fc.constantFrom('primary' as const, 'unique' as const)),
  comment: optional(text),
  position,
});
const createTable: fc.Arbitrary<CreateTable> = fc
  .record({
    kind: fc.constant('createTable' as const),
    storage: optional(fc.constantFrom('rowstore' as const, 'columnstore' as const)),
    reference: fc.boolean(),
    ifNotExists: fc.boolean(),
    table: objectName,
    columns: fc.array(columnDefinition, { maxLength: 3 }),
    keys: fc.array(key, { maxLength: 2 }),
    options: fc.array(tableOption, { maxLength: 2 }),
    query: optional(query),
    position,
  })
  .filter((statement) => statement.columns.length > 0 || statement.query !== undefined);

const flag = fc.boolean();
const subject: fc.Arbitrary<ShowSubject> = fc.oneof(
  fc.record({ kind: fc.constant('databases'), extended: flag }),
  fc.record({ kind: fc.constant('tables'), full: flag, extended: flag, database: optional(name) }),
  fc.record({ kind: fc.constantFrom('tableStatus', 'pipelines'), database: optional(name) }),
  fc.record({ kind: fc.constant('columns'), full: flag, table: objectName }),
  fc.record({ kind: fc.constantFrom('indexes', 'createTable'), table: objectName }),
  fc.record({ kind: fc.constant('createDatabase'), database: name }),
  fc.record({ kind: fc.constant('createPipeline'), pipeline: objectName, extended: flag }),
  fc.record({ kind: fc.constant('partitions'), extended: flag, database: optional(name) }),
  fc.record({ kind: fc.constantFrom('warnings', 'errors'), limit: optional(limit) }),
  fc.record({
    kind: fc.constantFrom('variables', 'status'),
    scope: fc.constantFrom('session', 'global'),
    extended: flag,
  }),
  fc.record({ kind: fc.constant('processlist'), full: flag }),
  fc.record({
    kind: fc.constantFrom('extractors', 'runners'),
  }),
  fc.record({
    kind: fc.constantFrom('leaves', 'aggregators', 'engines', 'collation', 'characterSet', 'databaseStatus'),
  }),
  fc.record({
    kind: fc.constantFrom('plugins', 'privileges', 'functions', 'procedures', 'aggregates', 'functionStatus'),
  }),
  fc.record({ kind: fc.constantFrom('procedureStatus', 'triggers', 'events', 'grants', 'clusterStatus') }),
);

const scope = fc.constantFrom('session' as const, 'global' as const);
const setAssignment: fc.Arbitrary<SetAssignment> = fc.oneof(
  fc.record({
    kind: fc.constant('variable'),
    scope,
    name: word,
    // A bare column is read as a word.
    value: assigned.filter(({ kind }) => kind !== 'column'),
    position,
  }),
  fc.record({ kind: fc.constant('userVariable'), name, value: expression, position }),
  fc.record({
    kind: fc.constant('names'),
    characterSet: optional(word),
    collation: optional(word),
    position,
  }),
  fc.record({ kind: fc.constant('characterSet'), characterSet: optional(word), position }),
);
const setTransaction: fc.Arbitrary<SetAssignment> = fc
  .record({
    kind: fc.constant('transaction' as const),
    scope: optional(scope),
    isolationLevel: optional(
      fc.constantFrom(
        'read uncommitted' as const,
        'read committed' as const,
        'repeatable read' as const,
        'serializable' as const,
      ),
    ),
    accessMode,
    position,
  })
  .filter(({ isolationLevel, accessMode: mode }) => isolationLevel !== undefined || mode !== undefined);

type Arbitraries = { readonly [Kind in StatementKind]: fc.Arbitrary<StatementOf<Kind>> };

const update: Arbitraries['update'] = fc.record({
  kind: fc.constant('update'),
  ignore: flag,
  tables,
  assignments: some(assignment),
  where: optional(expression),
  orderBy,
  limit: optional(limitValue),
  position,
});
const deletion: Arbitraries['delete'] = fc.record({
  kind: fc.constant('delete'),
  targets: fc.array(objectName, { maxLength: 2 }),
  from: tables,
  where: optional(expression),
  orderBy,
  limit: optional(limitValue),
  position,
});
const port = fc.bigInt({ min: 1n, max: 65_535n });
const host = text.filter((value) => value !== '');
const begin: Arbitraries['begin'] = fc.record({ kind: fc.constant('begin'), accessMode, position });

/** Trees of every statement kind, as the parser makes them. */
export const arbitraryStatements: Arbitraries = {
  query,
  insert,
  update,
  delete: deletion,
  createDatabase: fc.record({
    kind: fc.constant('createDatabase'),
    name,
    ifNotExists: flag,
    partitions: optional(unsigned),
    characterSet: optional(word),
    collation: optional(word),
    position,
  }),
  dropDatabase: fc.record({ kind: fc.constant('dropDatabase'), name, ifExists: flag, position }),
  use: fc.record({ kind: fc.constant('use'), database: name, position }),
  createTable,
  dropTable: fc.record({
    kind: fc.constant('dropTable'),
    ifExists: flag,
    tables: some(objectName),
    position,
  }),
  truncateTable: fc.record({ kind: fc.constant('truncateTable'), table: objectName, position }),
  show: fc.record({
    kind: fc.constant('show'),
    subject,
    filter: optional(
      fc.oneof(
        fc.record({ kind: fc.constant('like' as const), pattern: expression }),
        fc.record({ kind: fc.constant('where' as const), condition: expression }),
      ),
    ),
    position,
  }),
  describe: fc.record({ kind: fc.constant('describe'), table: objectName, column: optional(name), position }),
  explain: fc.record({
    kind: fc.constant('explain'),
    format: fc.constantFrom('text', 'json', 'extended'),
    statement: fc.oneof(query, insert, update, deletion),
    position,
  }),
  set: fc.record({
    kind: fc.constant('set'),
    assignments: fc.oneof(
      some(setAssignment),
      setTransaction.map((transaction) => [transaction]),
    ),
    position,
  }),
  kill: fc.record({
    kind: fc.constant('kill'),
    target: fc.constantFrom('connection', 'query'),
    id: unsigned,
    aggregatorId: optional(unsigned),
    position,
  }),
  begin,
  commit: fc.record({ kind: fc.constant('commit'), position }),
  rollback: fc.record({ kind: fc.constant('rollback'), position }),
  using: fc.record({
    kind: fc.constant('using'),
    database: name,
    statement: fc.oneof<fc.Arbitrary<Statement>[]>(query, insert, begin),
    position,
  }),
  flush: fc.oneof(
    fc.record({
      kind: fc.constant('flush'),
      what: fc.constantFrom('TABLES', 'TABLES WITH READ LOCK'),
      tables: fc.array(objectName, { maxLength: 2 }),
      position,
    }),
    fc.record({
      kind: fc.constant('flush'),
      what: fc.constantFrom('PRIVILEGES', 'EXTRACTOR POOLS'),
      tables: fc.constant([]),
      position,
    }),
  ),
  createPipeline: arbitraryCreatePipeline(expression, assignments),
  alterPipeline,
  startPipeline: fc
    .record({
      kind: fc.constant('startPipeline' as const),
      name: objectName,
      ifNotRunning: flag,
      foreground: flag,
      limitBatches: optional(unsigned),
      position,
    })
    .map((start) => (start.foreground ? start : { ...start, limitBatches: undefined })),
  startPipelines: fc.record({
    kind: fc.constant('startPipelines'),
    which: fc.constantFrom('all', 'failed'),
    position,
  }),
  stopPipeline: fc.record({
    kind: fc.constant('stopPipeline'),
    name: objectName,
    ifRunning: flag,
    detach: flag,
    position,
  }),
  stopPipelines: fc.record({ kind: fc.constant('stopPipelines'), position }),
  dropPipeline: fc.record({ kind: fc.constant('dropPipeline'), name: objectName, ifExists: flag, position }),
  testPipeline: fc.record({
    kind: fc.constant('testPipeline'),
    name: objectName,
    limitOffsets: optional(unsigned),
    position,
  }),
  clearPipelineErrors: fc.record({
    kind: fc.constant('clearPipelineErrors'),
    name: optional(objectName),
    position,
  }),
  addLeaf: fc.record({
    kind: fc.constant('addLeaf'),
    user: name,
    password: optional(text),
    host,
    port,
    group: optional(unsigned),
    position,
  }),
  removeLeaf: fc.record({ kind: fc.constant('removeLeaf'), host: text, port, force: flag, position }),
};
