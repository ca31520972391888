import type { Expression } from '../../ast/expression.ts';
import type { DefaultMarker } from '../../ast/insert.ts';
import type { SetAssignment, SetNames, SetStatement, SetTransaction } from '../../ast/set.ts';
import { parseCharacterSetName } from '../data-type.ts';
import { parseExpression } from '../expression.ts';
import type { Parser } from '../parser.ts';
import { parseSystemVariable } from '../primary.ts';

export function parseSet(parser: Parser): SetStatement {
  const position = parser.position;
  parser.expect('SET');
  return { kind: 'set', assignments: parser.list(() => parseSetAssignment(parser)), position };
}

function parseSetAssignment(parser: Parser): SetAssignment {
  const { tokens, position } = parser;
  if (tokens.kind() === 'userVariable') {
    const name = tokens.value();
    tokens.advance();
    parseEquals(parser);
    return { kind: 'userVariable', name, value: parseExpression(parser), position };
  }
  if (parser.at('@@')) {
    const { scope, name } = parseSystemVariable(parser);
    parseEquals(parser);
    return { kind: 'variable', scope: scope ?? 'session', name, value: parseVariableValue(parser), position };
  }
  const assigned = parser.at('=', 1) || parser.at(':=', 1);
  if (!assigned) {
    if (parser.at('NAMES')) return parseNames(parser);
    if (parser.acceptAll('CHARACTER', 'SET') || parser.accept('CHARSET')) {
      const characterSet = parser.accept('DEFAULT') ? undefined : parseCharacterSetName(parser);
      return { kind: 'characterSet', characterSet, position };
    }
    if (parser.at('TRANSACTION')) return parseTransaction(parser, undefined, position);
    if (parser.atAny('PASSWORD', 'ROLE', 'PERSIST', 'PERSIST_ONLY', 'RESOURCE', 'DEFAULT')) {
      parser.unsupported(`SET ${tokens.text()}`);
    }
  }
  const scope = assigned ? undefined : parseScope(parser);
  if (scope !== undefined && parser.at('TRANSACTION')) return parseTransaction(parser, scope, position);
  const name = parser.identifier('a variable name').toLowerCase();
  parseEquals(parser);
  return { kind: 'variable', scope: scope ?? 'session', name, value: parseVariableValue(parser), position };
}

function parseScope(parser: Parser): 'session' | 'global' | undefined {
  const word = parser.acceptAny('SESSION', 'LOCAL', 'GLOBAL');
  return word === undefined ? undefined : word === 'GLOBAL' ? 'global' : 'session';
}

function parseEquals(parser: Parser): void {
  if (parser.acceptAny('=', ':=') === undefined) parser.fail('=');
}

/** Reserved words that are values by themselves. */
const valueWords = ['ON', 'ALL', 'BINARY'] as const;

function parseVariableValue(parser: Parser): Expression | DefaultMarker {
  const position = parser.position;
  if (parser.accept('DEFAULT')) return { kind: 'default', position };
  const isWord = parser.at(',', 1) || parser.tokens.kind(1) === 'end';
  const word = isWord ? parser.acceptAny(...valueWords) : undefined;
  if (word !== undefined) return { kind: 'string', value: word, position };
  const value = parseExpression(parser);
  if (value.kind !== 'column' || value.table !== undefined) return value;
  return { kind: 'string', value: value.name, position };
}

function parseNames(parser: Parser): SetNames {
  const position = parser.position;
  parser.expect('NAMES');
  const characterSet = parser.accept('DEFAULT') ? undefined : parseCharacterSetName(parser);
  const collation = parser.accept('COLLATE') ? parseCharacterSetName(parser) : undefined;
  return { kind: 'names', characterSet, collation, position };
}

function parseTransaction(parser: Parser, scope: SetTransaction['scope'], position: number): SetTransaction {
  parser.expect('TRANSACTION');
  let isolationLevel: SetTransaction['isolationLevel'];
  let accessMode: SetTransaction['accessMode'];
  // A comma may also begin the next assignment, but TRANSACTION stands alone in its statement.
  parser.list(() => {
    if (parser.acceptAll('ISOLATION', 'LEVEL')) {
      isolationLevel = parseIsolationLevel(parser);
    } else {
      parser.expect('READ');
      accessMode = parser.choose({ ONLY: 'read only', WRITE: 'read write' } as const);
    }
  });
  return { kind: 'transaction', scope, isolationLevel, accessMode, position };
}

function parseIsolationLevel(parser: Parser): SetTransaction['isolationLevel'] {
  if (parser.acceptAll('REPEATABLE', 'READ')) return 'repeatable read';
  if (parser.accept('SERIALIZABLE')) return 'serializable';
  if (!parser.accept('READ')) parser.fail('an isolation level');
  return parser.choose({ COMMITTED: 'read committed', UNCOMMITTED: 'read uncommitted' } as const);
}
