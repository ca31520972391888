import type { Expression } from '../ast/expression.ts';
import type { Parser } from './parser.ts';
import { parsePrimary } from './primary.ts';

/**
 * Parses the value of a DEFAULT clause: a literal, a signed number, a call, or any expression in parentheses. Operators
 * after it belong to the clause that follows (NOT NULL, COLLATE).
 */
export function parseDefaultValue(parser: Parser): Expression {
  const position = parser.position;
  const sign = parser.acceptAny('-', '+');
  const operand = parsePrimary(parser);
  return sign === undefined ? operand : { kind: 'unary', operator: sign, operand, position };
}
