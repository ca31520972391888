import type { Statement } from '../../ast/statement.ts';
import type { Parser } from '../parser.ts';
import { parseAlterPipeline } from './alter-pipeline.ts';
import { parseDropPipeline } from './control-pipeline.ts';
import { parseCreatePipeline } from './create-pipeline.ts';
import { parseCreateTable } from './create-table.ts';
import { parseCreateDatabase, parseDropDatabase } from './database.ts';
import { parseDropTable } from './drop-table.ts';

/** What CREATE, DROP and ALTER could be followed by in other versions of the dialect. */
const unsupportedObjects: ReadonlySet<string> = new Set([
  'AGGREGATE',
  'DATABASE',
  'EVENT',
  'EXTERNAL',
  'FULLTEXT',
  'FUNCTION',
  'GROUP',
  'INDEX',
  'INFERRED',
  'LINK',
  'MATERIALIZED',
  'MILESTONE',
  'PROCEDURE',
  'RESOURCE',
  'RESULT',
  'ROLE',
  'SCHEMA',
  'SERVER',
  'TABLE',
  'TRIGGER',
  'UNIQUE',
  'USER',
  'VIEW',
]);

function failObject(parser: Parser, verb: string, expected: string): never {
  const word = parser.tokens.text();
  if (unsupportedObjects.has(word)) parser.unsupported(`${verb} ${word}`);
  parser.fail(expected);
}

export function parseCreate(parser: Parser): Statement {
  const position = parser.position;
  parser.expect('CREATE');
  const orReplace = parser.acceptAll('OR', 'REPLACE');
  if (parser.atAny('AGGREGATOR', 'PIPELINE')) return parseCreatePipeline(parser, orReplace, position);
  if (!orReplace) {
    if (parser.acceptAny('DATABASE', 'SCHEMA') !== undefined) return parseCreateDatabase(parser, position);
    if (parser.atAny('TABLE', 'ROWSTORE', 'COLUMNSTORE', 'REFERENCE', 'TEMPORARY', 'GLOBAL')) {
      return parseCreateTable(parser, position);
    }
  }
  return failObject(parser, 'CREATE', 'DATABASE, TABLE or PIPELINE');
}

export function parseDrop(parser: Parser): Statement {
  const position = parser.position;
  parser.expect('DROP');
  if (parser.acceptAny('DATABASE', 'SCHEMA') !== undefined) return parseDropDatabase(parser, position);
  if (parser.accept('TEMPORARY')) parser.unsupported('DROP TEMPORARY TABLE', position);
  if (parser.acceptAny('TABLE', 'TABLES') !== undefined) return parseDropTable(parser, position);
  if (parser.accept('PIPELINE')) return parseDropPipeline(parser, position);
  return failObject(parser, 'DROP', 'DATABASE, TABLE or PIPELINE');
}

export function parseAlter(parser: Parser): Statement {
  const position = parser.position;
  parser.expect('ALTER');
  if (parser.accept('PIPELINE')) return parseAlterPipeline(parser, position);
  if (parser.at('ONLINE')) parser.unsupported('ALTER TABLE');
  return failObject(parser, 'ALTER', 'PIPELINE');
}
