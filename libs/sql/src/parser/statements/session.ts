import type { ObjectName } from '../../ast/node.ts';
import type { Begin, Commit, Flush, Kill, Rollback } from '../../ast/session.ts';
import type { Parser } from '../parser.ts';

export function parseKill(parser: Parser): Kill {
  const position = parser.position;
  parser.expect('KILL');
  const target = parser.acceptAny('CONNECTION', 'QUERY') === 'QUERY' ? 'query' : 'connection';
  const id = parser.integer('a connection id');
  const aggregatorId = parser.tokens.kind() === 'integer' ? parser.integer('an aggregator id') : undefined;
  return { kind: 'kill', target, id, aggregatorId, position };
}

/** Parses `BEGIN [WORK]`. */
export function parseBegin(parser: Parser): Begin {
  const position = parser.position;
  parser.expect('BEGIN');
  parser.accept('WORK');
  return { kind: 'begin', accessMode: undefined, position };
}

/** Parses what follows `START TRANSACTION`. */
export function parseStartTransaction(parser: Parser, position: number): Begin {
  let accessMode: Begin['accessMode'];
  if (!parser.atEnd) {
    parser.list(() => {
      if (parser.acceptAll('WITH', 'CONSISTENT', 'SNAPSHOT')) return;
      parser.expect('READ');
      accessMode = parser.choose({ ONLY: 'read only', WRITE: 'read write' } as const);
    });
  }
  return { kind: 'begin', accessMode, position };
}

export function parseCommit(parser: Parser): Commit {
  const position = parser.position;
  parser.expect('COMMIT');
  parseCompletion(parser);
  return { kind: 'commit', position };
}

export function parseRollback(parser: Parser): Rollback {
  const position = parser.position;
  parser.expect('ROLLBACK');
  parseCompletion(parser);
  if (parser.at('TO')) parser.unsupported('ROLLBACK TO SAVEPOINT');
  return { kind: 'rollback', position };
}

/** `[WORK] [AND NO CHAIN] [NO RELEASE]`, the default behaviour. */
function parseCompletion(parser: Parser): void {
  parser.accept('WORK');
  if (parser.atAll('AND', 'CHAIN')) parser.unsupported('AND CHAIN');
  if (parser.at('RELEASE')) parser.unsupported('RELEASE');
  parser.acceptAll('AND', 'NO', 'CHAIN');
  parser.acceptAll('NO', 'RELEASE');
}

export function parseFlush(parser: Parser): Flush {
  const position = parser.position;
  parser.expect('FLUSH');
  parser.acceptAny('NO_WRITE_TO_BINLOG', 'LOCAL');
  let tables: ObjectName[] = [];
  let what = 'TABLES';
  if (parser.acceptAny('TABLES', 'TABLE') !== undefined) {
    if (parser.atIdentifier()) tables = parser.list(() => parser.objectName('a table name'));
    if (parser.acceptAll('WITH', 'READ', 'LOCK')) what = 'TABLES WITH READ LOCK';
  } else {
    what = parseWords(parser);
  }
  return { kind: 'flush', what, tables, position };
}

/** One or more words up to the end of the statement. */
function parseWords(parser: Parser): string {
  const words: string[] = [];
  do {
    if (parser.tokens.kind() !== 'word') parser.fail('what to flush');
    words.push(parser.tokens.text());
    parser.tokens.advance();
  } while (!parser.atEnd);
  return words.join(' ');
}
