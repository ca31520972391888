import type {
  BinaryExpression,
  Expression,
  ExpressionKind,
  FrameBound,
  FunctionCall,
  JsonPathExpression,
  WindowSpecification,
} from '../ast/expression.ts';
import { binaryPrecedence, precedence, precedenceOf, unaryPrecedence } from '../precedence.ts';
import { printOrderBy, printQuery } from './query.ts';
import { quoteIdentifier, quoteString } from './quote.ts';
import { printCastType, printSqlType } from './sql-type.ts';

type ExpressionOf<Kind extends ExpressionKind> = Extract<Expression, { readonly kind: Kind }>;
type Printers = { readonly [Kind in ExpressionKind]: (expression: ExpressionOf<Kind>) => string };

/** The canonical text of an expression: identifiers quoted, words in upper case, parentheses only where needed. */
export function printExpression(expression: Expression): string {
  // Each kind's printer takes that kind, which TypeScript cannot follow through the table.
  const print = printers[expression.kind] as (expression: Expression) => string;
  return print(expression);
}

/** An operand, in parentheses when it binds less tightly than its place demands. */
function operandText(expression: Expression, precedenceMin: number): string {
  const text = printExpression(expression);
  return precedenceOf(expression) < precedenceMin ? `(${text})` : text;
}

const not = (negated: boolean): string => (negated ? 'NOT ' : '');

const printers: Printers = {
  null: () => 'NULL',
  boolean: ({ value }) => (value ? 'TRUE' : 'FALSE'),
  integer: ({ value }) => value.toString(),
  decimal: ({ text }) => text,
  double: ({ text }) => text,
  string: ({ value }) => quoteString(value),
  blob: ({ hex }) => `x'${hex}'`,
  temporal: ({ type, text }) => `${type.toUpperCase()} ${quoteString(text)}`,
  parameter: () => '?',
  column({ database, table, name }) {
    const parts = [database, table, name].filter((part) => part !== undefined);
    return parts.map(quoteIdentifier).join('.');
  },
  systemVariable: ({ scope, name }) =>
    `@@${scope === undefined ? '' : `${scope.toUpperCase()}.`}${printVariableName(name)}`,
  userVariable: ({ name }) => printUserVariable(name),
  unary({ operator, operand }) {
    const word = operator === 'not' || operator === 'binary' ? `${operator.toUpperCase()} ` : operator;
    // A sign before a sign would begin a comment.
    const minimum = operator === 'not' ? unaryPrecedence.not : precedence.postfix;
    return `${word}${operandText(operand, minimum)}`;
  },
  binary: printBinary,
  logical({ operator, operands }) {
    const minimum = precedence[operator] + 1;
    return operands.map((operand) => operandText(operand, minimum)).join(` ${operator.toUpperCase()} `);
  },
  like({ operand, pattern, escape: escapeCharacter, negated }) {
    const suffix =
      escapeCharacter === undefined ? '' : ` ESCAPE ${operandText(escapeCharacter, precedence.bitOr)}`;
    const left = operandText(operand, precedence.bitOr);
    return `${left} ${not(negated)}LIKE ${operandText(pattern, precedence.bitOr)}${suffix}`;
  },
  regexp: ({ operand, pattern, negated }) =>
    `${operandText(operand, precedence.bitOr)} ${not(negated)}REGEXP ${operandText(pattern, precedence.bitOr)}`,
  is: ({ operand, test, negated }) =>
    `${operandText(operand, precedence.comparison)} IS ${not(negated)}${test.toUpperCase()}`,
  between({ operand, low, high, negated }) {
    const [left, from, to] = [operand, low, high].map((part) => operandText(part, precedence.bitOr));
    return `${left} ${not(negated)}BETWEEN ${from} AND ${to}`;
  },
  inList: ({ operand, items, negated }) =>
    `${operandText(operand, precedence.bitOr)} ${not(negated)}IN (${printList(items)})`,
  inQuery: ({ operand, query, negated }) =>
    `${operandText(operand, precedence.bitOr)} ${not(negated)}IN (${printQuery(query)})`,
  exists: ({ query }) => `EXISTS (${printQuery(query)})`,
  quantified: ({ operator, quantifier, operand, query }) =>
    `${operandText(operand, precedence.comparison)} ${operator} ${quantifier.toUpperCase()} (${printQuery(query)})`,
  subquery: ({ query }) => `(${printQuery(query)})`,
  row: ({ items }) => `(${printList(items)})`,
  case({ operand, branches, otherwise }) {
    const parts = ['CASE'];
    if (operand !== undefined) parts.push(printExpression(operand));
    for (const { when, result } of branches) {
      parts.push(`WHEN ${printExpression(when)} THEN ${printExpression(result)}`);
    }
    if (otherwise !== undefined) parts.push(`ELSE ${printExpression(otherwise)}`);
    return [...parts, 'END'].join(' ');
  },
  cast({ form, operand, type }) {
    if (form === 'cast') return `CAST(${printExpression(operand)} AS ${printCastType(type)})`;
    return `${operandText(operand, precedence.postfix)} ${form === 'operator' ? ':>' : '!:>'} ${printSqlType(type)}`;
  },
  convertCharset: ({ operand, characterSet }) =>
    `CONVERT(${printExpression(operand)} USING ${quoteIdentifier(characterSet)})`,
  collate: ({ operand, collation }) =>
    `${operandText(operand, precedence.postfix)} COLLATE ${quoteIdentifier(collation)}`,
  jsonPath: printJsonPath,
  interval: ({ value, unit }) => `INTERVAL ${printExpression(value)} ${unit.toUpperCase()}`,
  intervalUnit: ({ unit }) => unit.toUpperCase(),
  extract: ({ unit, operand }) => `EXTRACT(${unit.toUpperCase()} FROM ${printExpression(operand)})`,
  trim({ side, characters, operand }) {
    if (side === 'both' && characters === undefined) return `TRIM(${printExpression(operand)})`;
    const trimmed = characters === undefined ? '' : ` ${printExpression(characters)}`;
    return `TRIM(${side.toUpperCase()}${trimmed} FROM ${printExpression(operand)})`;
  },
  insertedValue: ({ column }) => `VALUES(${quoteIdentifier(column.name)})`,
  function: printFunctionCall,
};

function printBinary({ operator, left, right }: BinaryExpression): string {
  const level = binaryPrecedence[operator];
  return `${operandText(left, level)} ${operator.toUpperCase()} ${operandText(right, level + 1)}`;
}

/** Comma-separated expressions. */
export function printList(expressions: readonly Expression[]): string {
  return expressions.map(printExpression).join(', ');
}

function printVariableName(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : quoteIdentifier(name);
}

export function printUserVariable(name: string): string {
  return /^[A-Za-z0-9_]+$/.test(name) ? `@${name}` : `@${quoteIdentifier(name)}`;
}

const jsonMarks = { json: '::', string: '::$', double: '::%' } as const;

function printJsonPath({ operand, keys, result }: JsonPathExpression): string {
  const marks = keys.map((_, index) => (index === keys.length - 1 ? jsonMarks[result] : '::'));
  const path = keys.map((key, index) => `${marks[index]}${quoteIdentifier(key)}`).join('');
  // Without parentheses the keys of a path below would be joined to these.
  return `${operandText(operand, precedence.primary)}${path}`;
}

function printFunctionCall({ name, args, star, distinct, orderBy, separator, over }: FunctionCall): string {
  const parts: string[] = [];
  if (distinct) parts.push('DISTINCT');
  if (star) parts.push('*');
  else if (args.length > 0) parts.push(printList(args));
  if (orderBy.length > 0) parts.push(printOrderBy(orderBy));
  if (separator !== undefined) parts.push(`SEPARATOR ${quoteString(separator)}`);
  return `${name}(${parts.join(' ')})${over === undefined ? '' : ` OVER (${printWindow(over)})`}`;
}

function printWindow({ partitionBy, orderBy, frame }: WindowSpecification): string {
  const parts: string[] = [];
  if (partitionBy.length > 0) parts.push(`PARTITION BY ${printList(partitionBy)}`);
  if (orderBy.length > 0) parts.push(printOrderBy(orderBy));
  if (frame !== undefined) {
    const start = printFrameBound(frame.start);
    const bounds = frame.end === undefined ? start : `BETWEEN ${start} AND ${printFrameBound(frame.end)}`;
    parts.push(`${frame.unit.toUpperCase()} ${bounds}`);
  }
  return parts.join(' ');
}

function printFrameBound(bound: FrameBound): string {
  switch (bound.kind) {
    case 'unboundedPreceding':
      return 'UNBOUNDED PRECEDING';
    case 'unboundedFollowing':
      return 'UNBOUNDED FOLLOWING';
    case 'currentRow':
      return 'CURRENT ROW';
    default:
      return `${printExpression(bound.offset)} ${bound.kind.toUpperCase()}`;
  }
}
