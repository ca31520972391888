import type { Using } from '../ast/session.ts';
import type { Statement } from '../ast/statement.ts';
import type { Parser } from './parser.ts';
import { parseQuery } from './query.ts';
import {
  parseClearPipelineErrors,
  parseStartPipeline,
  parseStopPipeline,
  parseTestPipeline,
} from './statements/control-pipeline.ts';
import { parseUse } from './statements/database.ts';
import { parseAlter, parseCreate, parseDrop } from './statements/ddl.ts';
import { parseDelete } from './statements/delete.ts';
import { parseTruncateTable } from './statements/drop-table.ts';
import { parseExplain } from './statements/explain.ts';
import { parseInsert } from './statements/insert.ts';
import { parseAddLeaf, parseRemoveLeaf } from './statements/leaf.ts';
import {
  parseBegin,
  parseCommit,
  parseFlush,
  parseKill,
  parseRollback,
  parseStartTransaction,
} from './statements/session.ts';
import { parseSet } from './statements/set.ts';
import { parseShow } from './statements/show.ts';
import { parseUpdate } from './statements/update.ts';

type StatementParser = (parser: Parser) => Statement;

/** The parser of each statement, by its first token. */
const statementParsers: Readonly<Record<string, StatementParser>> = {
  '(': parseQuery,
  SELECT: parseQuery,
  WITH: parseQuery,
  INSERT: parseInsert,
  REPLACE: parseInsert,
  UPDATE: parseUpdate,
  DELETE: parseDelete,
  CREATE: parseCreate,
  DROP: parseDrop,
  ALTER: parseAlter,
  TRUNCATE: parseTruncateTable,
  USE: parseUse,
  USING: parseUsing,
  SHOW: parseShow,
  DESCRIBE: parseExplain,
  DESC: parseExplain,
  EXPLAIN: parseExplain,
  SET: parseSet,
  KILL: parseKill,
  BEGIN: parseBegin,
  START: parseStart,
  COMMIT: parseCommit,
  ROLLBACK: parseRollback,
  FLUSH: parseFlush,
  STOP: parseStopPipeline,
  TEST: parseTestPipeline,
  CLEAR: parseClearPipelineErrors,
  ADD: parseAddLeaf,
  REMOVE: parseRemoveLeaf,
};

/** First words of statements that belong to the dialect but are not implemented. */
const unsupportedStatements: ReadonlySet<string> = new Set([
  'ANALYZE',
  'ATTACH',
  'BACKUP',
  'CACHE',
  'CALL',
  'CHECK',
  'DEALLOCATE',
  'DETACH',
  'DO',
  'ECHO',
  'EXECUTE',
  'EXTRACT',
  'GRANT',
  'HANDLER',
  'HELP',
  'INFER',
  'LOAD',
  'LOCK',
  'OBSERVE',
  'OPTIMIZE',
  'PREPARE',
  'PROFILE',
  'REBALANCE',
  'RELEASE',
  'RENAME',
  'REPAIR',
  'RESTORE',
  'REVOKE',
  'SAVEPOINT',
  'SNAPSHOT',
  'UNLOCK',
]);

/** Parses one statement up to, not including, its semicolon. */
export function parseStatementBody(parser: Parser): Statement {
  const text = parser.tokens.text();
  const parse = Object.hasOwn(statementParsers, text) ? statementParsers[text] : undefined;
  if (parse !== undefined) return parse(parser);
  if (unsupportedStatements.has(text)) parser.unsupported(`the statement ${text}`);
  return parser.fail('a statement');
}

function parseStart(parser: Parser): Statement {
  const position = parser.position;
  parser.expect('START');
  if (parser.accept('TRANSACTION')) return parseStartTransaction(parser, position);
  return parseStartPipeline(parser, position);
}

function parseUsing(parser: Parser): Using {
  const position = parser.position;
  parser.expect('USING');
  const database = parser.identifier('a database name');
  return { kind: 'using', database, statement: parser.nested(() => parseStatementBody(parser)), position };
}
