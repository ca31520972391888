import type { DatabaseDefinition, TableDefinition } from '@millrace/catalog/definitions';
import { type BoundExpression, someExpression } from '../bound/bound-expression.ts';
import {
  type BoundFrom,
  type BoundJoin,
  type BoundQuery,
  type BoundRelation,
  type BoundSelect,
  outputName,
} from '../bound/bound-query.ts';
import { selectExpressions, visitSubqueries } from '../bound/walk.ts';
import { canonicalText } from '../render/render-expression.ts';
import { quoteIdentifier } from '../render/sql-text.ts';
import { type KeyColumn, type PinnedKeys, routeKeys } from './route-keys.ts';

/**
 * Where the rows of a FROM tree can be made.
 *
 * - `replicated`: every leaf can make all of them (reference tables and constants).
 * - `sharded`: every leaf can make those of its own partitions, and together the leaves make each row once.
 */
export type Placement = ReplicatedPlacement | ShardedPlacement;

export interface ReplicatedPlacement {
  readonly kind: 'replicated';
  /** Undefined: no table is read. */
  readonly database: DatabaseDefinition | undefined;
}

export interface ShardedPlacement {
  readonly kind: 'sharded';
  readonly database: DatabaseDefinition;
  /** Column tuples whose shard hash says which partition a row is made in; tables join in place on any of them. */
  readonly keys: readonly (readonly KeyColumn[])[];
  /** Every row is made from these shard keys. */
  readonly pinned: PinnedKeys | undefined;
}

/**
 * Where a FROM tree can be evaluated as a whole, undefined when only at the aggregator.
 *
 * @param conditions predicates that every row of the tree must satisfy or is dropped
 */
export function placeFrom(from: BoundFrom, conditions: readonly BoundExpression[]): Placement | undefined {
  return from.kind === 'join' ? placeJoin(from, conditions) : placeRelation(from, conditions);
}

function placeRelation(
  relation: BoundRelation,
  conditions: readonly BoundExpression[],
): Placement | undefined {
  const { source } = relation;
  switch (source.kind) {
    case 'virtual':
      return undefined;
    case 'query':
      return placeDerived(relation, source.query);
    case 'table': {
      if (source.table.reference) return { kind: 'replicated', database: source.database };
      const key = shardKeyOf(relation, source.table);
      return {
        kind: 'sharded',
        database: source.database,
        keys: key.length === 0 ? [] : [key],
        pinned: routeKeys(source.table, key, conditions),
      };
    }
  }
}

function shardKeyOf(relation: BoundRelation, table: TableDefinition): readonly KeyColumn[] {
  return table.shardKey.flatMap((name) => {
    const column = relation.columns.find((candidate) => candidate.name.toLowerCase() === name.toLowerCase());
    return column === undefined ? [] : [{ text: columnText(relation.id, column.sqlName), type: column.type }];
  });
}

/** As `canonicalText` writes a column. */
function columnText(relation: string, column: string): string {
  return `${quoteIdentifier(relation)}.${quoteIdentifier(column)}`;
}

function placeDerived(relation: BoundRelation, query: BoundQuery): Placement | undefined {
  const placement = placeQuery(query);
  if (placement?.kind !== 'sharded') return placement;
  const outputs = query.body.kind === 'select' ? query.body.items.map(canonicalText) : [];
  const keys = placement.keys.flatMap((key) => {
    const mapped = key.map(({ text, type }) => {
      const at = outputs.indexOf(text);
      return at < 0 ? undefined : { text: columnText(relation.id, outputName(at)), type };
    });
    return mapped.every((column) => column !== undefined) ? [mapped] : [];
  });
  return { ...placement, keys };
}

/** Where a derived table or subquery can be evaluated row by row or group by group, without a merge. */
export function placeQuery(query: BoundQuery): Placement | undefined {
  // Each leaf would keep other rows of its own.
  if (query.limit !== undefined || query.offset > 0n) return undefined;
  const { body } = query;
  switch (body.kind) {
    case 'nested':
      return onlyReplicated(placeQuery(body.query));
    case 'setOperation': {
      const left = onlyReplicated(placeQuery(body.left));
      const right = onlyReplicated(placeQuery(body.right));
      return left === undefined || right === undefined ? undefined : combineReplicated(left, right);
    }
    case 'select':
      return placeSelect(body);
  }
}

function onlyReplicated(placement: Placement | undefined): ReplicatedPlacement | undefined {
  return placement?.kind === 'replicated' ? placement : undefined;
}

function placeSelect(select: BoundSelect): Placement | undefined {
  const placement: Placement | undefined =
    select.from === undefined
      ? { kind: 'replicated', database: undefined }
      : placeFrom(select.from, select.where);
  if (placement === undefined) return undefined;
  const database = databaseWith(placement, selectExpressions(select));
  if (database === 'elsewhere') return undefined;
  if (placement.kind === 'replicated') return { kind: 'replicated', database };
  if (select.items.some(hasWindow)) return undefined;
  if (select.aggregated && (select.rollup || !coversKey(placement, select.groupBy))) return undefined;
  if (select.distinct && !coversKey(placement, select.items)) return undefined;
  return placement;
}

export function hasWindow(expression: BoundExpression): boolean {
  return someExpression(expression, (part) => part.kind === 'window');
}

/** Whether rows that agree in all the expressions are made in one partition. */
export function coversKey(placement: ShardedPlacement, expressions: readonly BoundExpression[]): boolean {
  const texts = new Set(expressions.map(canonicalText));
  return placement.keys.some((key) => key.every((column) => texts.has(column.text)));
}

/**
 * The database of a placement together with what subqueries of the expressions read; `elsewhere` when a subquery cannot
 * be evaluated on a leaf.
 */
function databaseWith(
  placement: Placement,
  expressions: readonly BoundExpression[],
): DatabaseDefinition | undefined | 'elsewhere' {
  let database = placement.database;
  let elsewhere = false;
  for (const expression of expressions) {
    visitSubqueries(expression, (query) => {
      const inner = onlyReplicated(placeQuery(query));
      if (inner === undefined || conflicts(database, inner.database)) elsewhere = true;
      else database ??= inner.database;
    });
  }
  return elsewhere ? 'elsewhere' : database;
}

function conflicts(left: DatabaseDefinition | undefined, right: DatabaseDefinition | undefined): boolean {
  return left !== undefined && right !== undefined && left.id !== right.id;
}

/** Whether leaves can evaluate the expression where the placement's rows are: its subqueries read reference tables only. */
export function isPushable(expression: BoundExpression, placement: Placement): boolean {
  return databaseWith(placement, [expression]) !== 'elsewhere';
}

function combineReplicated(
  left: ReplicatedPlacement,
  right: ReplicatedPlacement,
): ReplicatedPlacement | undefined {
  if (conflicts(left.database, right.database)) return undefined;
  return { kind: 'replicated', database: left.database ?? right.database };
}

function placeJoin(join: BoundJoin, conditions: readonly BoundExpression[]): Placement | undefined {
  const [left, right] = placeSides(join, conditions);
  if (left === undefined || right === undefined || conflicts(left.database, right.database)) return undefined;
  const placement = combine(join, left, right, join.type === 'inner' ? [...conditions, ...join.on] : join.on);
  return placement !== undefined && join.on.every((predicate) => isPushable(predicate, placement))
    ? placement
    : undefined;
}

function placeSides(
  join: BoundJoin,
  conditions: readonly BoundExpression[],
): readonly [Placement | undefined, Placement | undefined] {
  const { left, right } = conditionsOfSides(join, conditions);
  return [placeFrom(join.left, left), placeFrom(join.right, right)];
}

/** Which conditions drop rows of each side of a join before it, without changing its result. */
export function conditionsOfSides(
  join: BoundJoin,
  conditions: readonly BoundExpression[],
): { readonly left: readonly BoundExpression[]; readonly right: readonly BoundExpression[] } {
  switch (join.type) {
    case 'inner': {
      const both = [...conditions, ...join.on];
      return { left: both, right: both };
    }
    case 'left':
      return { left: conditions, right: join.on };
    case 'full':
      return { left: [], right: [] };
  }
}

function combine(
  join: BoundJoin,
  left: Placement,
  right: Placement,
  equalities: readonly BoundExpression[],
): Placement | undefined {
  if (left.kind === 'replicated' && right.kind === 'replicated') return combineReplicated(left, right);
  if (left.kind === 'sharded' && right.kind === 'sharded') {
    if (!joinInPlace(left, right, equalities)) return undefined;
    switch (join.type) {
      case 'inner':
        return { ...left, keys: [...left.keys, ...right.keys], pinned: left.pinned ?? right.pinned };
      case 'left':
        return left;
      case 'full':
        return { ...left, keys: [], pinned: undefined };
    }
  }
  // A reference table on the side that keeps all its rows would keep them once on every leaf.
  if (left.kind === 'sharded') return join.type === 'full' ? undefined : left;
  return join.type === 'inner' ? right : undefined;
}

/** Whether equal shard keys of both sides are demanded, so that matching rows are in one partition. */
function joinInPlace(
  left: ShardedPlacement,
  right: ShardedPlacement,
  conditions: readonly BoundExpression[],
): boolean {
  const equal = new Set<string>();
  for (const condition of conditions) {
    if (condition.kind !== 'call' || condition.operator !== '=') continue;
    const [a, b] = condition.args;
    if (a?.kind !== 'column' || b?.kind !== 'column') continue;
    equal.add(`${canonicalText(a)} = ${canonicalText(b)}`).add(`${canonicalText(b)} = ${canonicalText(a)}`);
  }
  return left.keys.some((leftKey) =>
    right.keys.some(
      (rightKey) =>
        leftKey.length === rightKey.length &&
        leftKey.every((column, at) => equal.has(`${column.text} = ${rightKey[at]?.text}`)),
    ),
  );
}
