import type { BinaryOperator, Expression, ExpressionKind, UnaryOperator } from './ast/expression.ts';
import type { SetOperation } from './ast/query.ts';

/**
 * How tightly each construct binds its operands, from loosest to tightest, as in MySQL; `:>`, `!:>`, `::` and COLLATE
 * follow their operand and bind tightest.
 */
export const precedence = {
  or: 1,
  xor: 2,
  and: 3,
  not: 4,
  /** `=`, `<=>`, `<`, …, IS: left-associative. */
  comparison: 5,
  /** LIKE, REGEXP, IN, BETWEEN: their left operand is of level `bitOr`. */
  predicate: 6,
  bitOr: 7,
  bitAnd: 8,
  shift: 9,
  additive: 10,
  multiplicative: 11,
  bitXor: 12,
  unary: 13,
  postfix: 14,
  primary: 15,
} as const;

export const binaryPrecedence = {
  xor: precedence.xor,
  '=': precedence.comparison,
  '<=>': precedence.comparison,
  '<>': precedence.comparison,
  '<': precedence.comparison,
  '<=': precedence.comparison,
  '>': precedence.comparison,
  '>=': precedence.comparison,
  '|': precedence.bitOr,
  '&': precedence.bitAnd,
  '<<': precedence.shift,
  '>>': precedence.shift,
  '+': precedence.additive,
  '-': precedence.additive,
  '*': precedence.multiplicative,
  '/': precedence.multiplicative,
  div: precedence.multiplicative,
  '%': precedence.multiplicative,
  '^': precedence.bitXor,
} as const satisfies Record<BinaryOperator, number>;

export const unaryPrecedence = {
  not: precedence.not,
  '-': precedence.unary,
  '+': precedence.unary,
  '~': precedence.unary,
  binary: precedence.unary,
} as const satisfies Record<UnaryOperator, number>;

const kindPrecedence: Partial<Record<ExpressionKind, number>> = {
  is: precedence.comparison,
  quantified: precedence.comparison,
  like: precedence.predicate,
  regexp: precedence.predicate,
  between: precedence.predicate,
  inList: precedence.predicate,
  inQuery: precedence.predicate,
  collate: precedence.postfix,
  jsonPath: precedence.postfix,
};

/** How tightly the outermost construct of an expression binds when it is written without parentheses. */
export function precedenceOf(expression: Expression): number {
  switch (expression.kind) {
    case 'logical':
      return precedence[expression.operator];
    case 'binary':
      return binaryPrecedence[expression.operator];
    case 'unary':
      return unaryPrecedence[expression.operator];
    case 'cast':
      return expression.form === 'cast' ? precedence.primary : precedence.postfix;
    default:
      return kindPrecedence[expression.kind] ?? precedence.primary;
  }
}

export const setOperationPrecedence = { union: 1, except: 1, intersect: 2 } as const satisfies Record<
  SetOperation['operator'],
  number
>;
