import type {
  Expression,
  FrameBound,
  FunctionCall,
  TrimExpression,
  WindowFrame,
  WindowSpecification,
} from '../ast/expression.ts';
import type { OrderItem } from '../ast/query.ts';
import { parseCastType } from './data-type.ts';
import { parseBitExpression, parseExpression } from './expression.ts';
import { parseIntervalUnit } from './interval.ts';
import type { Parser } from './parser.ts';
import { plainCall } from './plain-call.ts';
import { parseOrderBy } from './query.ts';

/** Parses `name(…)`: the ordinary form, with all that aggregates and window functions add. */
export function parseFunctionCall(parser: Parser): FunctionCall {
  const position = parser.position;
  const name = parser.tokens.text();
  parser.tokens.advance();
  parser.expect('(');
  let args: Expression[] = [];
  let orderBy: readonly OrderItem[] = [];
  let separator: string | undefined;
  let distinct = false;
  const star = parser.at('*') && parser.at(')', 1) && parser.accept('*');
  if (!star && !parser.at(')')) {
    distinct = parser.acceptAny('DISTINCT', 'ALL') === 'DISTINCT';
    args = parser.list(() => parseExpression(parser));
    orderBy = parseOrderBy(parser);
    if (parser.accept('SEPARATOR')) separator = parser.string('a string');
  }
  parser.expect(')');
  return {
    kind: 'function',
    name,
    args,
    star,
    distinct,
    orderBy,
    separator,
    over: parseOver(parser),
    position,
  };
}

/** Functions whose arguments are not a plain list. They start at the parenthesis. */
export const functionParsers: Readonly<Record<string, (parser: Parser, position: number) => Expression>> = {
  CAST(parser, position) {
    parser.expect('(');
    const operand = parseExpression(parser);
    parser.expect('AS');
    const type = parseCastType(parser, 'cast');
    parser.expect(')');
    return { kind: 'cast', form: 'cast', operand, type, position };
  },
  CONVERT(parser, position) {
    parser.expect('(');
    const operand = parseExpression(parser);
    if (parser.accept('USING')) {
      const characterSet = parser.anyWord('a character set').toLowerCase();
      parser.expect(')');
      return { kind: 'convertCharset', operand, characterSet, position };
    }
    parser.expect(',');
    const type = parseCastType(parser, 'cast');
    parser.expect(')');
    return { kind: 'cast', form: 'cast', operand, type, position };
  },
  EXTRACT(parser, position) {
    parser.expect('(');
    const unit = parseIntervalUnit(parser);
    parser.expect('FROM');
    const operand = parseExpression(parser);
    parser.expect(')');
    return { kind: 'extract', unit, operand, position };
  },
  POSITION(parser, position) {
    parser.expect('(');
    const sought = parseBitExpression(parser);
    parser.expect('IN');
    const text = parseExpression(parser);
    parser.expect(')');
    return plainCall('LOCATE', [sought, text], position);
  },
  ROW(parser, position) {
    const items = parser.parenthesized(() => parseExpression(parser));
    return items.length === 1 && items[0] !== undefined ? items[0] : { kind: 'row', items, position };
  },
  SUBSTR: parseSubstring,
  SUBSTRING: parseSubstring,
  TIMESTAMPADD: (parser, position) => parseWithUnit(parser, 'TIMESTAMPADD', position),
  TIMESTAMPDIFF: (parser, position) => parseWithUnit(parser, 'TIMESTAMPDIFF', position),
  TRIM: parseTrim,
  VALUES(parser, position) {
    parser.expect('(');
    const namePosition = parser.position;
    const name = parser.identifier('a column name');
    parser.expect(')');
    return { kind: 'insertedValue', column: { name, position: namePosition }, position };
  },
};

function parseSubstring(parser: Parser, position: number): Expression {
  parser.expect('(');
  const args = [parseExpression(parser)];
  const from = parser.acceptAny('FROM', ',');
  if (from === undefined) parser.fail('FROM or a comma');
  args.push(parseExpression(parser));
  if (parser.accept(from === 'FROM' ? 'FOR' : ',')) args.push(parseExpression(parser));
  parser.expect(')');
  return plainCall('SUBSTRING', args, position);
}

function parseWithUnit(parser: Parser, name: string, position: number): Expression {
  parser.expect('(');
  const unitPosition = parser.position;
  const args: Expression[] = [
    { kind: 'intervalUnit', unit: parseIntervalUnit(parser), position: unitPosition },
  ];
  while (parser.accept(',')) args.push(parseExpression(parser));
  parser.expect(')');
  return plainCall(name, args, position);
}

function parseTrim(parser: Parser, position: number): TrimExpression {
  parser.expect('(');
  const word = parser.acceptAny('BOTH', 'LEADING', 'TRAILING');
  const side = word === 'LEADING' ? 'leading' : word === 'TRAILING' ? 'trailing' : 'both';
  let characters: Expression | undefined;
  let operand: Expression;
  if (word !== undefined && parser.accept('FROM')) {
    operand = parseExpression(parser);
  } else {
    operand = parseExpression(parser);
    if (parser.accept('FROM')) {
      characters = operand;
      operand = parseExpression(parser);
    } else if (word !== undefined) {
      parser.fail('FROM');
    }
  }
  parser.expect(')');
  return { kind: 'trim', side, characters, operand, position };
}

function parseOver(parser: Parser): WindowSpecification | undefined {
  if (!parser.at('OVER')) return undefined;
  if (!parser.at('(', 1)) {
    // A word after a call may also be its alias.
    if (!parser.atIdentifier(1)) return undefined;
    parser.unsupported('a named window');
  }
  parser.expect('OVER', '(');
  const partitionBy = parser.acceptAll('PARTITION', 'BY') ? parser.list(() => parseExpression(parser)) : [];
  const orderBy = parseOrderBy(parser);
  const frame = parseFrame(parser);
  parser.expect(')');
  return { partitionBy, orderBy, frame };
}

function parseFrame(parser: Parser): WindowFrame | undefined {
  const word = parser.acceptAny('ROWS', 'RANGE');
  if (word === undefined) return undefined;
  const unit = word === 'ROWS' ? 'rows' : 'range';
  if (!parser.accept('BETWEEN')) return { unit, start: parseFrameBound(parser), end: undefined };
  const start = parseFrameBound(parser);
  parser.expect('AND');
  return { unit, start, end: parseFrameBound(parser) };
}

function parseFrameBound(parser: Parser): FrameBound {
  if (parser.acceptAll('CURRENT', 'ROW')) return { kind: 'currentRow' };
  if (parser.accept('UNBOUNDED')) {
    return parser.choose({
      PRECEDING: { kind: 'unboundedPreceding' },
      FOLLOWING: { kind: 'unboundedFollowing' },
    } as const);
  }
  const offset = parseExpression(parser);
  return { kind: parser.choose({ PRECEDING: 'preceding', FOLLOWING: 'following' } as const), offset };
}
