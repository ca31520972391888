import fc from 'fast-check';
import type { Expression } from '../ast/expression.ts';
import type {
  Join,
  JoinCondition,
  Limit,
  LimitValue,
  Query,
  QueryBody,
  Select,
  SelectItem,
  TableReference,
} from '../ast/query.ts';
import {
  arbitraryExpression,
  arbitraryOrderItem,
  name,
  objectName,
  optional,
  position,
  some,
  unsigned,
} from './arbitrary-expression.ts';

export const limitValue: fc.Arbitrary<LimitValue> = fc.oneof(
  fc.record({ kind: fc.constant('integer'), value: unsigned, position }),
  fc.record({ kind: fc.constant('parameter'), ordinal: fc.constant(0), position }),
);

export const limit: fc.Arbitrary<Limit> = fc.record({ count: limitValue, offset: optional(limitValue) });

const smallestQuery: fc.Arbitrary<Query> = arbitraryExpression(0, fc.constant<never>(undefined as never)).map(
  (expression) => ({
    kind: 'query',
    ctes: [],
    body: {
      kind: 'select',
      distinct: false,
      items: [{ kind: 'expression', expression, alias: undefined, sourceText: '', position: 0 }],
      from: [],
      where: undefined,
      groupBy: [],
      rollup: false,
      having: undefined,
      position: 0,
    },
    orderBy: [],
    limit: undefined,
    locking: undefined,
    position: 0,
  }),
);

/** Queries in the shape the parser gives them: no query without clauses of its own stands inside another. */
export function arbitraryQuery(depth: number): fc.Arbitrary<Query> {
  if (depth <= 0) return smallestQuery;
  const inner = arbitraryQuery(depth - 1);
  const expression = arbitraryExpression(1, inner);
  return fc
    .record({
      kind: fc.constant('query' as const),
      ctes: fc.array(fc.record({ name, columns: fc.array(name, { maxLength: 2 }), query: inner, position }), {
        maxLength: 1,
      }),
      body: arbitraryBody(depth, inner, expression),
      orderBy: fc.array(arbitraryOrderItem(expression), { maxLength: 2 }),
      limit: optional(limit),
      locking: optional(fc.constantFrom('update' as const, 'share' as const)),
      position,
    })
    .map((query) => (query.body.kind === 'query' && !hasClauses(query) ? query.body : query));
}

function hasClauses({ ctes, orderBy, limit: rows, locking }: Query): boolean {
  return ctes.length > 0 || orderBy.length > 0 || rows !== undefined || locking !== undefined;
}

function arbitraryBody(
  depth: number,
  inner: fc.Arbitrary<Query>,
  expression: fc.Arbitrary<Expression>,
): fc.Arbitrary<QueryBody> {
  const select = arbitrarySelect(inner, expression);
  if (depth <= 1) return select;
  const operand: fc.Arbitrary<QueryBody> = fc.oneof(
    select,
    arbitraryBody(depth - 1, inner, expression),
    inner.map((query) => (hasClauses(query) ? query : query.body)),
  );
  const setOperation = fc.record({
    kind: fc.constant('setOperation' as const),
    operator: fc.constantFrom('union' as const, 'except' as const, 'intersect' as const),
    all: fc.boolean(),
    left: operand,
    right: operand,
    position,
  });
  return fc.oneof(
    { weight: 3, arbitrary: select },
    { weight: 2, arbitrary: setOperation },
    { weight: 1, arbitrary: operand },
  );
}

function arbitrarySelect(
  inner: fc.Arbitrary<Query>,
  expression: fc.Arbitrary<Expression>,
): fc.Arbitrary<Select> {
  const item: fc.Arbitrary<SelectItem> = fc.oneof(
    fc.record({
      kind: fc.constant('star'),
      database: fc.constant(undefined),
      table: optional(name),
      position,
    }),
    fc.record({ kind: fc.constant('star'), database: name, table: name, position }),
    fc.record({
      kind: fc.constant('expression'),
      expression,
      alias: optional(name),
      sourceText: fc.constant(''),
      position,
    }),
  );
  return fc
    .record({
      kind: fc.constant('select' as const),
      distinct: fc.boolean(),
      items: some(item),
      from: fc.array(arbitraryTableReference(2, inner, expression), { maxLength: 2 }),
      where: optional(expression),
      groupBy: fc.array(expression, { maxLength: 2 }),
      rollup: fc.boolean(),
      having: optional(expression),
      position,
    })
    .map((select) => ({ ...select, rollup: select.rollup && select.groupBy.length > 0 }));
}

export function arbitraryTableReference(
  depth: number,
  query: fc.Arbitrary<Query>,
  expression: fc.Arbitrary<Expression>,
): fc.Arbitrary<TableReference> {
  const factor: fc.Arbitrary<TableReference> = fc.oneof(
    fc.record({ kind: fc.constant('table'), name: objectName, alias: optional(name), position }),
    fc.record({
      kind: fc.constant('derived'),
      query,
      alias: optional(name),
      columns: fc.constant<string[]>([]),
      position,
    }),
    fc.record({ kind: fc.constant('derived'), query, alias: name, columns: some(name), position }),
  );
  if (depth <= 0) return factor;
  const side = arbitraryTableReference(depth - 1, query, expression);
  const condition: fc.Arbitrary<JoinCondition> = fc.oneof(
    fc.record({ kind: fc.constant('on'), on: expression }),
    fc.record({ kind: fc.constant('using'), columns: some(name) }),
    fc.record({ kind: fc.constant('natural') }),
  );
  const type = fc.constantFrom<Join['type']>('inner', 'left', 'right', 'full');
  return fc.oneof(
    { weight: 3, arbitrary: factor },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('join'), type, left: side, right: side, condition, position }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('join'),
        type: fc.constant('inner'),
        left: side,
        right: side,
        condition: fc.constant<JoinCondition>({ kind: 'none' }),
        position,
      }),
    },
  );
}
