import type { SqlType } from '@millrace/values/sql-type';
import fc from 'fast-check';
import type {
  BinaryOperator,
  ColumnReference,
  ComparisonOperator,
  Expression,
  FrameBound,
  IntervalUnit,
  Literal,
  UnaryOperator,
  WindowSpecification,
} from '../ast/expression.ts';
import type { ObjectName } from '../ast/node.ts';
import type { OrderItem, Query } from '../ast/query.ts';

/** Trees as the parser makes them, with every position 0. */
export const position = fc.constant(0);

/** Anything can be a quoted name but nothing. */
export const name = fc.oneof(
  fc.constantFrom('a', 'b', 'select', 'order', 'Mixed', 'with space', 'back`quote', 'ü', "quo'te"),
  fc.string({ minLength: 1, maxLength: 6, unit: 'binary' }),
);
export const word = fc.stringMatching(/^[a-z][a-z0-9_]{0,8}$/);
export const text = fc.oneof(
  fc.constantFrom('', "it's", 'back\\slash', '\\%', '%', 'a\nb\0\r\t\x1a"`', '/* */ -- #', '😀'),
  fc.string({ maxLength: 8, unit: 'binary' }),
);
export const unsigned = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
export const optional = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> =>
  fc.option(value, { nil: undefined, freq: 2 });
export const some = <Value>(value: fc.Arbitrary<Value>, minLength = 1): fc.Arbitrary<Value[]> =>
  fc.array(value, { minLength, maxLength: minLength + 1 });

export const objectName: fc.Arbitrary<ObjectName> = fc.record({ database: optional(name), name, position });

export const column: fc.Arbitrary<ColumnReference> = fc.oneof(
  fc.record({
    kind: fc.constant('column'),
    database: fc.constant(undefined),
    table: optional(name),
    name,
    position,
  }),
  fc.record({ kind: fc.constant('column'), database: name, table: name, name, position }),
);

export const literal: fc.Arbitrary<Literal> = fc.oneof(
  fc.record({ kind: fc.constant('null'), position }),
  fc.record({ kind: fc.constant('boolean'), value: fc.boolean(), position }),
  fc.record({ kind: fc.constant('integer'), value: unsigned, position }),
  fc.record({
    kind: fc.constant('decimal'),
    text: fc.stringMatching(/^([0-9]{1,3}\.[0-9]{0,3}|\.[0-9]{1,3})$/),
    position,
  }),
  fc.record({
    kind: fc.constant('double'),
    text: fc.stringMatching(/^[0-9]{1,2}(\.[0-9])?e[+-]?[0-9]$/),
    position,
  }),
  fc.record({ kind: fc.constant('string'), value: text, position }),
  fc.record({ kind: fc.constant('blob'), hex: fc.stringMatching(/^([0-9a-f]{2}){0,4}$/), position }),
  fc.record({
    kind: fc.constant('temporal'),
    type: fc.constantFrom('date', 'time', 'timestamp'),
    text,
    position,
  }),
);

const integerKinds = ['tinyint', 'smallint', 'mediumint', 'int', 'bigint'] as const;

/** Types that every form of cast can name. */
const castType: fc.Arbitrary<SqlType> = fc.oneof(
  fc.constantFrom<SqlType>(
    { kind: 'bool' },
    { kind: 'float' },
    { kind: 'double' },
    { kind: 'date' },
    { kind: 'json' },
    { kind: 'text' },
    { kind: 'mediumtext' },
    { kind: 'longtext' },
    { kind: 'blob' },
    { kind: 'longblob' },
  ),
  fc.record({ kind: fc.constantFrom(...integerKinds), unsigned: fc.boolean() }),
  fc.record({ kind: fc.constant('decimal'), precision: fc.integer({ min: 30, max: 65 }), scale: fc.nat(30) }),
  fc.record({ kind: fc.constantFrom('varchar', 'varbinary'), length: fc.nat(21_845) }),
  fc.record({ kind: fc.constant('binary'), length: fc.nat(255) }),
  fc.record({ kind: fc.constantFrom('time', 'datetime', 'timestamp'), fraction: fc.constantFrom(0, 6) }),
);

/** Every type a column can have. */
export const columnType: fc.Arbitrary<SqlType> = fc.oneof(
  { weight: 4, arbitrary: castType },
  {
    weight: 1,
    arbitrary: fc.oneof(
      fc.record({ kind: fc.constant('char'), length: fc.nat(255) }),
      fc.record({ kind: fc.constantFrom('tinytext', 'tinyblob', 'mediumblob') }),
    ),
  },
);

const comparison: fc.Arbitrary<ComparisonOperator> = fc.constantFrom('=', '<=>', '<>', '<', '<=', '>', '>=');
const binaryOperator: fc.Arbitrary<BinaryOperator> = fc.oneof(
  comparison,
  fc.constantFrom<BinaryOperator>('+', '-', '*', '/', 'div', '%', '|', '&', '^', '<<', '>>', 'xor'),
);
const unaryOperator: fc.Arbitrary<UnaryOperator> = fc.constantFrom('-', '+', '~', 'not', 'binary');
const unit: fc.Arbitrary<IntervalUnit> = fc.constantFrom(
  'microsecond',
  'day',
  'year_month',
  'week',
  'hour_second',
);

const leaf: fc.Arbitrary<Expression> = fc.oneof(
  { weight: 4, arbitrary: literal },
  { weight: 4, arbitrary: column },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('parameter'), ordinal: fc.constant(0), position }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('systemVariable'),
      scope: optional(fc.constantFrom('session', 'global')),
      name: fc.oneof(word, fc.constantFrom('read_only', 'select', 'a b')),
      position,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('userVariable'), name, position }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('insertedValue'),
      column: fc.record({ name, position }),
      position,
    }),
  },
);

/** Expressions of every kind up to a depth; `query` supplies the subqueries. */
export function arbitraryExpression(depth: number, query: fc.Arbitrary<Query>): fc.Arbitrary<Expression> {
  if (depth <= 0) return leaf;
  const inner = arbitraryExpression(depth - 1, query);
  const negated = fc.boolean();
  const composites: fc.Arbitrary<Expression>[] = [
    fc.record({ kind: fc.constant('unary'), operator: unaryOperator, operand: inner, position }),
    fc.record({ kind: fc.constant('binary'), operator: binaryOperator, left: inner, right: inner, position }),
    fc.record({ kind: fc.constant('binary'), operator: binaryOperator, left: inner, right: inner, position }),
    fc.record({
      kind: fc.constant('logical'),
      operator: fc.constantFrom('and', 'or'),
      operands: some(inner, 2),
      position,
    }),
    fc.record({
      kind: fc.constant('like'),
      operand: inner,
      pattern: inner,
      escape: optional(inner),
      negated,
      position,
    }),
    fc.record({ kind: fc.constant('regexp'), operand: inner, pattern: inner, negated, position }),
    fc.record({
      kind: fc.constant('is'),
      operand: inner,
      test: fc.constantFrom('null', 'true', 'false', 'unknown'),
      negated,
      position,
    }),
    fc.record({ kind: fc.constant('between'), operand: inner, low: inner, high: inner, negated, position }),
    fc
      .record({ kind: fc.constant('inList'), operand: inner, items: some(inner), negated, position })
      .filter(({ items }) => items.length > 1 || items[0]?.kind !== 'subquery'),
    fc.record({ kind: fc.constant('inQuery'), operand: inner, query, negated, position }),
    fc.record({ kind: fc.constant('exists'), query, position }),
    fc.record({
      kind: fc.constant('quantified'),
      operator: comparison,
      quantifier: fc.constantFrom('any', 'all'),
      operand: inner,
      query,
      position,
    }),
    fc.record({ kind: fc.constant('subquery'), query, position }),
    fc.record({ kind: fc.constant('row'), items: some(inner, 2), position }),
    fc.record({
      kind: fc.constant('case'),
      operand: optional(inner),
      branches: some(fc.record({ when: inner, result: inner })),
      otherwise: optional(inner),
      position,
    }),
    fc.record({
      kind: fc.constant('cast'),
      form: fc.constantFrom('cast', 'operator', 'tryOperator'),
      operand: inner,
      type: castType,
      position,
    }),
    fc.record({ kind: fc.constant('convertCharset'), operand: inner, characterSet: word, position }),
    fc.record({ kind: fc.constant('collate'), operand: inner, collation: word, position }),
    fc.record({
      kind: fc.constant('jsonPath'),
      operand: inner,
      keys: some(name),
      result: fc.constantFrom('json', 'string', 'double'),
      position,
    }),
    fc.record({ kind: fc.constant('interval'), value: inner, unit, position }),
    fc.record({ kind: fc.constant('extract'), unit, operand: inner, position }),
    fc.record({
      kind: fc.constant('trim'),
      side: fc.constantFrom('both', 'leading', 'trailing'),
      characters: optional(inner),
      operand: inner,
      position,
    }),
    arbitraryCall(inner),
  ];
  return fc.oneof({ weight: 4, arbitrary: leaf }, { weight: 12, arbitrary: fc.oneof(...composites) });
}

function arbitraryCall(inner: fc.Arbitrary<Expression>): fc.Arbitrary<Expression> {
  const plain = {
    kind: fc.constant('function' as const),
    star: fc.constant(false),
    distinct: fc.constant(false),
    orderBy: fc.constant<OrderItem[]>([]),
    separator: fc.constant(undefined),
    over: fc.constant(undefined),
    position,
  };
  const over = optional(arbitraryWindow(inner));
  return fc.oneof(
    fc.record({
      ...plain,
      name: fc.constantFrom(
        'IF',
        'LEFT',
        'REPLACE',
        'MOD',
        'COALESCE',
        'DATE',
        'NOW',
        'DATABASE',
        'CURRENT_DATE',
      ),
      args: fc.array(inner, { maxLength: 3 }),
    }),
    fc.record({
      ...plain,
      name: fc.constant('SUBSTRING'),
      args: fc.array(inner, { minLength: 2, maxLength: 3 }),
    }),
    fc.record({ ...plain, name: fc.constant('COUNT'), args: fc.constant([]), star: fc.constant(true), over }),
    fc.record({
      ...plain,
      name: fc.constantFrom('GROUP_CONCAT', 'SUM'),
      args: some(inner),
      distinct: fc.boolean(),
      orderBy: fc.array(arbitraryOrderItem(inner), { maxLength: 2 }),
      separator: optional(text),
      over,
    }),
    fc.record({
      ...plain,
      name: fc.constantFrom('TIMESTAMPDIFF', 'TIMESTAMPADD'),
      args: fc.tuple(fc.record({ kind: fc.constant('intervalUnit'), unit, position }), inner, inner),
    }),
  );
}

export function arbitraryOrderItem(inner: fc.Arbitrary<Expression>): fc.Arbitrary<OrderItem> {
  return fc.record({ expression: inner, direction: fc.constantFrom('asc', 'desc') });
}

function arbitraryWindow(inner: fc.Arbitrary<Expression>): fc.Arbitrary<WindowSpecification> {
  const bound: fc.Arbitrary<FrameBound> = fc.oneof(
    fc.record({ kind: fc.constantFrom('unboundedPreceding', 'currentRow', 'unboundedFollowing') }),
    fc.record({ kind: fc.constantFrom('preceding', 'following'), offset: inner }),
  );
  return fc.record({
    partitionBy: fc.array(inner, { maxLength: 2 }),
    orderBy: fc.array(arbitraryOrderItem(inner), { maxLength: 2 }),
    frame: optional(
      fc.record({ unit: fc.constantFrom('rows', 'range'), start: bound, end: optional(bound) }),
    ),
  });
}
