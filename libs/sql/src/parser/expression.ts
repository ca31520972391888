import type {
  BinaryOperator,
  ComparisonOperator,
  Expression,
  IsExpression,
  JsonPathExpression,
  LogicalExpression,
} from '../ast/expression.ts';
import { binaryPrecedence, precedence } from '../precedence.ts';
import { parseCastType, parseCharacterSetName } from './data-type.ts';
import { atLiteral, parseLiteral } from './literal.ts';
import type { Parser } from './parser.ts';
import { plainCall } from './plain-call.ts';
import { parsePrimary } from './primary.ts';
import { atQuery, atQueryContinuation, parseQuery, parseQueryContinuation } from './query.ts';

/** Parses an expression of any kind. */
export function parseExpression(parser: Parser): Expression {
  // The values of a long INSERT are nearly all like this.
  if (atLiteral(parser) && (parser.at(',', 1) || parser.at(')', 1))) return parseLiteral(parser);
  return parser.nested(() => parseOr(parser));
}

function parseOr(parser: Parser): Expression {
  const position = parser.position;
  const first = parseXor(parser);
  const atOr = () => parser.at('OR') || (parser.at('||') && !parser.tokens.mode.pipesAsConcat);
  if (!atOr()) return first;
  const operands = [first];
  while (atOr()) {
    parser.tokens.advance();
    operands.push(parseXor(parser));
  }
  return logical('or', operands, position);
}

function parseXor(parser: Parser): Expression {
  const position = parser.position;
  let left = parseAnd(parser);
  while (parser.accept('XOR')) {
    left = chain(parser, { kind: 'binary', operator: 'xor', left, right: parseAnd(parser), position });
  }
  return left;
}

function parseAnd(parser: Parser): Expression {
  const position = parser.position;
  const first = parseNot(parser);
  if (!parser.atAny('AND', '&&')) return first;
  const operands = [first];
  while (parser.acceptAny('AND', '&&') !== undefined) operands.push(parseNot(parser));
  return logical('and', operands, position);
}

function logical(
  operator: 'and' | 'or',
  operands: readonly Expression[],
  position: number,
): LogicalExpression {
  return { kind: 'logical', operator, operands, position };
}

function parseNot(parser: Parser): Expression {
  const position = parser.position;
  if (!parser.accept('NOT')) return parseComparison(parser);
  return { kind: 'unary', operator: 'not', operand: parser.nested(() => parseNot(parser)), position };
}

const comparisonOperators: Readonly<Record<string, ComparisonOperator>> = {
  '=': '=',
  '<=>': '<=>',
  '<>': '<>',
  '!=': '<>',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
};

function parseComparison(parser: Parser): Expression {
  const position = parser.position;
  let left = parsePredicate(parser);
  for (;;) {
    const operator =
      parser.tokens.kind() === 'symbol' ? comparisonOperators[parser.tokens.text()] : undefined;
    if (operator !== undefined) {
      parser.tokens.advance();
      left = chain(parser, parseComparisonRight(parser, left, operator, position));
    } else if (parser.accept('IS')) {
      left = chain(parser, parseIs(parser, left, position));
    } else {
      return left;
    }
  }
}

function parseComparisonRight(
  parser: Parser,
  left: Expression,
  operator: ComparisonOperator,
  position: number,
): Expression {
  if (parser.atAny('ANY', 'SOME', 'ALL') && parser.at('(', 1)) {
    const quantifier = parser.at('ALL') ? 'all' : 'any';
    parser.tokens.advance();
    parser.expect('(');
    const query = parseQuery(parser);
    parser.expect(')');
    return { kind: 'quantified', operator, quantifier, operand: left, query, position };
  }
  return { kind: 'binary', operator, left, right: parsePredicate(parser), position };
}

function parseIs(parser: Parser, operand: Expression, position: number): IsExpression {
  const negated = parser.accept('NOT');
  const test = parser.choose({ NULL: 'null', TRUE: 'true', FALSE: 'false', UNKNOWN: 'unknown' } as const);
  return { kind: 'is', operand, test, negated, position };
}

/** Parses what may stand before IN and the like: no comparison, predicate or logical operator outside parentheses. */
export function parseBitExpression(parser: Parser): Expression {
  return parseOperation(parser, precedence.bitOr);
}

function parsePredicate(parser: Parser): Expression {
  const position = parser.position;
  const operand = parseBitExpression(parser);
  const ahead = parser.at('NOT') ? 1 : 0;
  const keyword = parser.tokens.text(ahead);
  const parseRight = Object.hasOwn(predicates, keyword) ? predicates[keyword] : undefined;
  if (parseRight === undefined) return operand;
  for (let taken = 0; taken <= ahead; taken += 1) parser.tokens.advance();
  return parseRight(parser, operand, ahead === 1, position);
}

type PredicateParser = (
  parser: Parser,
  operand: Expression,
  negated: boolean,
  position: number,
) => Expression;

const predicates: Readonly<Record<string, PredicateParser>> = {
  LIKE(parser, operand, negated, position) {
    const pattern = parseBitExpression(parser);
    const escapeCharacter = parser.accept('ESCAPE') ? parseBitExpression(parser) : undefined;
    return { kind: 'like', operand, pattern, escape: escapeCharacter, negated, position };
  },
  REGEXP: parseRegexp,
  RLIKE: parseRegexp,
  BETWEEN(parser, operand, negated, position) {
    const low = parseBitExpression(parser);
    parser.expect('AND');
    const high = parseBitExpression(parser);
    return { kind: 'between', operand, low, high, negated, position };
  },
  IN(parser, operand, negated, position) {
    parser.expect('(');
    if (atQuery(parser)) {
      const query = parseQuery(parser);
      parser.expect(')');
      return { kind: 'inQuery', operand, query, negated, position };
    }
    const items = parser.list(() => parseExpression(parser));
    const [only] = items;
    // Parentheses around the query change nothing: IN ((SELECT …)) is IN (SELECT …).
    if (items.length === 1 && only?.kind === 'subquery') {
      const query = atQueryContinuation(parser) ? parseQueryContinuation(parser, only.query) : only.query;
      parser.expect(')');
      return { kind: 'inQuery', operand, query, negated, position };
    }
    parser.expect(')');
    return { kind: 'inList', operand, items, negated, position };
  },
};

function parseRegexp(parser: Parser, operand: Expression, negated: boolean, position: number): Expression {
  return { kind: 'regexp', operand, pattern: parseBitExpression(parser), negated, position };
}

const operators: Readonly<Record<string, Exclude<BinaryOperator, ComparisonOperator | 'xor'>>> = {
  '|': '|',
  '&': '&',
  '<<': '<<',
  '>>': '>>',
  '+': '+',
  '-': '-',
  '*': '*',
  '/': '/',
  DIV: 'div',
  '%': '%',
  MOD: '%',
  '^': '^',
};

/** Parses arithmetic and bit operations of at least this precedence. */
function parseOperation(parser: Parser, precedenceMin: number): Expression {
  const position = parser.position;
  let left = parseUnary(parser);
  for (;;) {
    const text = parser.tokens.text();
    if (text === '||' && parser.tokens.mode.pipesAsConcat && precedenceMin <= precedence.bitXor) {
      parser.tokens.advance();
      left = chain(parser, plainCall('CONCAT', [left, parseUnary(parser)], position));
      continue;
    }
    const operator = Object.hasOwn(operators, text) ? operators[text] : undefined;
    if (operator === undefined || binaryPrecedence[operator] < precedenceMin) return left;
    parser.tokens.advance();
    const right = parseOperation(parser, binaryPrecedence[operator] + 1);
    left = chain(parser, { kind: 'binary', operator, left, right, position });
  }
}

const unaryOperators = { '-': '-', '+': '+', '~': '~', '!': 'not', BINARY: 'binary' } as const;

function parseUnary(parser: Parser): Expression {
  const position = parser.position;
  const symbol = parser.acceptAny('-', '+', '~', '!', 'BINARY');
  if (symbol === undefined) return parsePostfix(parser);
  return {
    kind: 'unary',
    operator: unaryOperators[symbol],
    operand: parser.nested(() => parseUnary(parser)),
    position,
  };
}

function parsePostfix(parser: Parser): Expression {
  const position = parser.position;
  let operand = parsePrimary(parser);
  for (;;) {
    switch (parser.tokens.text()) {
      case '::':
      case '::$':
      case '::%':
        operand = chain(parser, parseJsonPath(parser, operand, position));
        break;
      case '::?':
        return parser.unsupported('the operator ::?');
      case ':>':
      case '!:>': {
        const form = parser.at(':>') ? 'operator' : 'tryOperator';
        parser.tokens.advance();
        operand = chain(parser, { kind: 'cast', form, operand, type: parseCastType(parser, form), position });
        break;
      }
      case 'COLLATE': {
        parser.tokens.advance();
        const collation = parseCharacterSetName(parser);
        operand = chain(parser, { kind: 'collate', operand, collation, position });
        break;
      }
      default:
        return operand;
    }
  }
}

function parseJsonPath(parser: Parser, operand: Expression, position: number): JsonPathExpression {
  const keys: string[] = [];
  for (;;) {
    const mark = parser.acceptAny('::', '::$', '::%');
    if (mark === undefined) return { kind: 'jsonPath', operand, keys, result: 'json', position };
    keys.push(parseJsonKey(parser));
    if (mark !== '::')
      return { kind: 'jsonPath', operand, keys, result: mark === '::$' ? 'string' : 'double', position };
  }
}

/** A key that is not a plain word stands between back quotes; there it may be anything but empty. */
function parseJsonKey(parser: Parser): string {
  return parser.anyWord('a JSON key');
}

/** Counts a node that makes the tree higher without nesting. */
function chain(parser: Parser, node: Expression): Expression {
  parser.chainedCount += 1;
  return node;
}
