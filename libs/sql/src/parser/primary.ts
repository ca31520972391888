import type { CaseBranch, ColumnReference, Expression, SystemVariable } from '../ast/expression.ts';
import { isReservedWord } from '../lexer/reserved-words.ts';
import { parseExpression } from './expression.ts';
import { functionParsers, parseFunctionCall } from './function-call.ts';
import { parseIntervalUnit } from './interval.ts';
import { atLiteral, parseLiteral } from './literal.ts';
import type { Parser } from './parser.ts';
import { plainCall } from './plain-call.ts';
import { atQuery, atQueryContinuation, parseQuery, parseQueryContinuation } from './query.ts';

/** Parses the smallest complete expression: a literal, name, call, or anything in parentheses. */
export function parsePrimary(parser: Parser): Expression {
  if (atLiteral(parser)) return parseLiteral(parser);
  const { tokens, position } = parser;
  switch (tokens.kind()) {
    case 'word':
      return parseWord(parser, tokens.text());
    case 'identifier':
      return parseColumn(parser);
    case 'userVariable': {
      const name = tokens.value();
      tokens.advance();
      return { kind: 'userVariable', name, position };
    }
    case 'symbol':
      return parseSymbol(parser);
    default:
      return parser.fail('an expression');
  }
}

function parseSymbol(parser: Parser): Expression {
  const position = parser.position;
  if (parser.at('(')) return parseParentheses(parser);
  if (parser.at('@@')) return parseSystemVariable(parser);
  if (!parser.accept('?')) parser.fail('an expression');
  const ordinal = parser.parameterCount;
  parser.parameterCount += 1;
  return { kind: 'parameter', ordinal, position };
}

/** Reserved words that are functions when a parenthesis follows. */
const callableWords: ReadonlySet<string> = new Set([
  'CHAR',
  'CURRENT_DATE',
  'CURRENT_TIME',
  'CURRENT_TIMESTAMP',
  'CURRENT_USER',
  'DATABASE',
  'IF',
  'INSERT',
  'LEFT',
  'LOCALTIME',
  'LOCALTIMESTAMP',
  'MOD',
  'REPEAT',
  'REPLACE',
  'RIGHT',
  'SCHEMA',
  'UTC_DATE',
  'UTC_TIME',
  'UTC_TIMESTAMP',
]);

/** Functions that may be called without parentheses. */
const bareFunctions: ReadonlySet<string> = new Set([
  'CURRENT_DATE',
  'CURRENT_TIME',
  'CURRENT_TIMESTAMP',
  'CURRENT_USER',
  'LOCALTIME',
  'LOCALTIMESTAMP',
  'UTC_DATE',
  'UTC_TIME',
  'UTC_TIMESTAMP',
]);

const wordParsers: Readonly<Record<string, (parser: Parser, position: number) => Expression>> = {
  NULL: (_, position) => ({ kind: 'null', position }),
  TRUE: (_, position) => ({ kind: 'boolean', value: true, position }),
  FALSE: (_, position) => ({ kind: 'boolean', value: false, position }),
  CASE: parseCase,
  EXISTS(parser, position) {
    parser.expect('(');
    const query = parseQuery(parser);
    parser.expect(')');
    return { kind: 'exists', query, position };
  },
  INTERVAL(parser, position) {
    const value = parseExpression(parser);
    return { kind: 'interval', value, unit: parseIntervalUnit(parser), position };
  },
};

function parseWord(parser: Parser, word: string): Expression {
  const { tokens, position } = parser;
  const parseSpecial = Object.hasOwn(wordParsers, word) ? wordParsers[word] : undefined;
  if (parseSpecial !== undefined) {
    tokens.advance();
    return parseSpecial(parser, position);
  }
  if (parser.at('(', 1)) {
    const parseCall = Object.hasOwn(functionParsers, word) ? functionParsers[word] : undefined;
    if (parseCall !== undefined) {
      tokens.advance();
      return parseCall(parser, position);
    }
    if (!isReservedWord(word) || callableWords.has(word)) return parseFunctionCall(parser);
  }
  if (bareFunctions.has(word)) {
    tokens.advance();
    return plainCall(word, [], position);
  }
  if (tokens.kind(1) === 'string') {
    if (word === 'DATE' || word === 'TIME' || word === 'TIMESTAMP') return parseTemporal(parser, word);
  }
  if (atIntroducer(parser, word)) {
    tokens.advance();
    return parseLiteral(parser);
  }
  return parseColumn(parser);
}

const introducers: ReadonlySet<string> = new Set([
  '_ASCII',
  '_BINARY',
  '_LATIN1',
  '_UTF8',
  '_UTF8MB3',
  '_UTF8MB4',
]);

/** Whether a character set introducer stands before a literal. Text is Unicode throughout, so it changes nothing. */
function atIntroducer(parser: Parser, word: string): boolean {
  const { tokens } = parser;
  const next = tokens.kind(1);
  if (word === 'N') return next === 'string' && tokens.end() === tokens.start(1);
  return introducers.has(word) && (next === 'string' || next === 'hex' || next === 'bits');
}

const temporalTypes = { DATE: 'date', TIME: 'time', TIMESTAMP: 'timestamp' } as const;

function parseTemporal(parser: Parser, word: keyof typeof temporalTypes): Expression {
  const position = parser.position;
  parser.tokens.advance();
  return { kind: 'temporal', type: temporalTypes[word], text: parser.string('a string'), position };
}

/** Parses `[[database.]table.]column`. */
export function parseColumn(parser: Parser): ColumnReference {
  const position = parser.position;
  const first = parser.identifier('an expression');
  if (!parser.accept('.'))
    return { kind: 'column', database: undefined, table: undefined, name: first, position };
  const second = parser.anyWord('a column name');
  if (!parser.accept('.'))
    return { kind: 'column', database: undefined, table: first, name: second, position };
  return { kind: 'column', database: first, table: second, name: parser.anyWord('a column name'), position };
}

const variableScopes = { GLOBAL: 'global', SESSION: 'session', LOCAL: 'session' } as const;

/** Parses `@@[GLOBAL. | SESSION. | LOCAL.]name`. */
export function parseSystemVariable(parser: Parser): SystemVariable {
  const position = parser.position;
  parser.expect('@@');
  const scope = parser.at('.', 1) ? parser.choose(variableScopes) : undefined;
  if (scope !== undefined) parser.expect('.');
  return { kind: 'systemVariable', scope, name: parser.anyWord('a variable name').toLowerCase(), position };
}

function parseParentheses(parser: Parser): Expression {
  const position = parser.position;
  parser.expect('(');
  if (atQuery(parser)) {
    const query = parseQuery(parser);
    parser.expect(')');
    return { kind: 'subquery', query, position };
  }
  const items = parser.list(() => parseExpression(parser));
  const [first] = items;
  if (first === undefined || items.length > 1) {
    parser.expect(')');
    return { kind: 'row', items, position };
  }
  if (first.kind === 'subquery' && atQueryContinuation(parser)) {
    const query = parseQueryContinuation(parser, first.query);
    parser.expect(')');
    return { kind: 'subquery', query, position };
  }
  parser.expect(')');
  return first;
}

function parseCase(parser: Parser, position: number): Expression {
  const operand = parser.at('WHEN') ? undefined : parseExpression(parser);
  const branches: CaseBranch[] = [];
  do {
    parser.expect('WHEN');
    const when = parseExpression(parser);
    parser.expect('THEN');
    branches.push({ when, result: parseExpression(parser) });
  } while (parser.at('WHEN'));
  const otherwise = parser.accept('ELSE') ? parseExpression(parser) : undefined;
  parser.expect('END');
  return { kind: 'case', operand, branches, otherwise, position };
}
