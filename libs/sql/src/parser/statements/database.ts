import type { CreateDatabase, DropDatabase, Use } from '../../ast/database.ts';
import { parseCharacterSetName } from '../data-type.ts';
import type { Parser } from '../parser.ts';

/** Parses what follows `CREATE DATABASE`. */
export function parseCreateDatabase(parser: Parser, position: number): CreateDatabase {
  const ifNotExists = parser.acceptAll('IF', 'NOT', 'EXISTS');
  const name = parser.identifier('a database name');
  let partitions: bigint | undefined;
  let characterSet: string | undefined;
  let collation: string | undefined;
  while (!parser.atEnd) {
    if (parser.accept('PARTITIONS')) {
      parser.accept('=');
      partitions = parser.integer('a number of partitions');
    } else if (parser.accept('SUB_PARTITIONS')) {
      parser.integer('a number of partitions');
    } else if (parser.accept('WITH')) {
      skipDurability(parser);
    } else {
      parser.accept('DEFAULT');
      if (parser.acceptAll('CHARACTER', 'SET') || parser.accept('CHARSET')) {
        parser.accept('=');
        characterSet = parseCharacterSetName(parser);
      } else {
        parser.expect('COLLATE');
        parser.accept('=');
        collation = parseCharacterSetName(parser);
      }
    }
  }
  return { kind: 'createDatabase', name, ifNotExists, partitions, characterSet, collation, position };
}

/** `SYNC DURABILITY`, `ASYNC REPLICATION` and combinations: there is one kind of each here. */
function skipDurability(parser: Parser): void {
  do {
    if (parser.acceptAny('SYNC', 'ASYNC') === undefined) parser.fail('SYNC or ASYNC');
    if (parser.acceptAny('DURABILITY', 'REPLICATION') === undefined) parser.fail('DURABILITY or REPLICATION');
  } while (parser.atAny('SYNC', 'ASYNC'));
}

/** Parses what follows `DROP DATABASE`. */
export function parseDropDatabase(parser: Parser, position: number): DropDatabase {
  const ifExists = parser.acceptAll('IF', 'EXISTS');
  return { kind: 'dropDatabase', name: parser.identifier('a database name'), ifExists, position };
}

export function parseUse(parser: Parser): Use {
  const position = parser.position;
  parser.expect('USE');
  return { kind: 'use', database: parser.identifier('a database name'), position };
}
