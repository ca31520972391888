import type { IntegerLiteral, Literal } from '../ast/expression.ts';
import { integerMax, type Parser } from './parser.ts';

/** Whether the current token is a literal by itself (not a word such as NULL or DATE). */
export function atLiteral(parser: Parser): boolean {
  const kind = parser.tokens.kind();
  return (
    kind === 'integer' ||
    kind === 'string' ||
    kind === 'decimal' ||
    kind === 'double' ||
    kind === 'hex' ||
    kind === 'bits'
  );
}

/** Parses a number, string or binary literal. */
export function parseLiteral(parser: Parser): Literal {
  const { tokens, position } = parser;
  const kind = tokens.kind();
  if (kind === 'string') return { kind: 'string', value: parser.string('a string'), position };
  const raw = tokens.raw();
  tokens.advance();
  switch (kind) {
    case 'integer':
      return integerOrDecimal(raw, position);
    case 'hex':
      return { kind: 'blob', hex: evenHex(digitsOf(raw).toLowerCase()), position };
    case 'bits':
      return { kind: 'blob', hex: hexOfBits(digitsOf(raw)), position };
    case 'double':
      return { kind: 'double', text: raw, position };
    default:
      return { kind: 'decimal', text: raw, position };
  }
}

/** Parses an unsigned integer of up to 64 bits. */
export function parseIntegerLiteral(parser: Parser, what: string): IntegerLiteral {
  const position = parser.position;
  return { kind: 'integer', value: parser.integer(what), position };
}

/** Integers above 64 bits are decimals, as in MySQL. */
function integerOrDecimal(digits: string, position: number): Literal {
  // Below 2^53 a number converts faster than the text; longer digits than a decimal holds need no conversion at all.
  if (digits.length > 20) {
    const significant = digits.replace(/^0+(?=\d)/, '');
    if (significant.length > 20) return { kind: 'decimal', text: digits, position };
    return integerOrDecimal(significant, position);
  }
  const value = BigInt(digits.length < 16 ? Number(digits) : digits);
  return value > integerMax
    ? { kind: 'decimal', text: digits, position }
    : { kind: 'integer', value, position };
}

/** The digits of `x'…'`, `0x…`, `b'…'`, `0b…`. */
function digitsOf(raw: string): string {
  return raw.endsWith("'") ? raw.slice(2, -1) : raw.slice(2);
}

function evenHex(hex: string): string {
  return hex.length % 2 === 0 ? hex : `0${hex}`;
}

/** Bits fill bytes from the right. */
function hexOfBits(bits: string): string {
  let hex = '';
  for (let end = bits.length; end > 0; end -= 4) {
    hex = Number.parseInt(bits.slice(Math.max(0, end - 4), end), 2).toString(16) + hex;
  }
  return evenHex(hex);
}
