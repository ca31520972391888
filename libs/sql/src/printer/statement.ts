import type { Statement, StatementKind, StatementOf } from '../ast/statement.ts';
import { printQuery } from './query.ts';
import { printObjectName, quoteIdentifier } from './quote.ts';
import { printAlterPipeline } from './statements/alter-pipeline.ts';
import {
  printClearPipelineErrors,
  printDropPipeline,
  printStartPipeline,
  printStopPipeline,
  printTestPipeline,
} from './statements/control-pipeline.ts';
import { printCreatePipeline } from './statements/create-pipeline.ts';
import { printCreateTable } from './statements/create-table.ts';
import { printCreateDatabase } from './statements/database.ts';
import { printDelete, printInsert, printUpdate } from './statements/dml.ts';
import { printAddLeaf, printRemoveLeaf } from './statements/leaf.ts';
import { printBegin, printFlush, printKill } from './statements/session.ts';
import { printSet } from './statements/set.ts';
import { printShow } from './statements/show.ts';

type Printers = { readonly [Kind in StatementKind]: (statement: StatementOf<Kind>) => string };

/**
 * The canonical text of a statement, without semicolon: names in back quotes, words in upper case, parentheses only
 * where needed. In the default `sql_mode` it parses back to the same tree. CREATE PIPELINE has the form of SHOW CREATE
 * PIPELINE and contains the credentials: see `redactCredentials`.
 */
export function printStatement(statement: Statement): string {
  // Each kind's printer takes that kind, which TypeScript cannot follow through the table.
  const print = printers[statement.kind] as (statement: Statement) => string;
  return print(statement);
}

const explainWords = { text: '', json: 'JSON ', extended: 'EXTENDED ' } as const;

const printers: Printers = {
  query: printQuery,
  insert: printInsert,
  update: printUpdate,
  delete: printDelete,
  createDatabase: printCreateDatabase,
  dropDatabase: ({ name, ifExists }) =>
    `DROP DATABASE ${ifExists ? 'IF EXISTS ' : ''}${quoteIdentifier(name)}`,
  use: ({ database }) => `USE ${quoteIdentifier(database)}`,
  createTable: printCreateTable,
  dropTable: ({ ifExists, tables }) =>
    `DROP TABLE ${ifExists ? 'IF EXISTS ' : ''}${tables.map(printObjectName).join(', ')}`,
  truncateTable: ({ table }) => `TRUNCATE TABLE ${printObjectName(table)}`,
  show: printShow,
  describe: ({ table, column }) =>
    `DESCRIBE ${printObjectName(table)}${column === undefined ? '' : ` ${quoteIdentifier(column)}`}`,
  explain: ({ format, statement }) => `EXPLAIN ${explainWords[format]}${printStatement(statement)}`,
  set: printSet,
  kill: printKill,
  begin: printBegin,
  commit: () => 'COMMIT',
  rollback: () => 'ROLLBACK',
  using: ({ database, statement }) => `USING ${quoteIdentifier(database)} ${printStatement(statement)}`,
  flush: printFlush,
  createPipeline: printCreatePipeline,
  alterPipeline: printAlterPipeline,
  startPipeline: printStartPipeline,
  startPipelines: ({ which }) => `START ${which.toUpperCase()} PIPELINES`,
  stopPipeline: printStopPipeline,
  stopPipelines: () => 'STOP ALL PIPELINES',
  dropPipeline: printDropPipeline,
  testPipeline: printTestPipeline,
  clearPipelineErrors: printClearPipelineErrors,
  addLeaf: printAddLeaf,
  removeLeaf: printRemoveLeaf,
};
