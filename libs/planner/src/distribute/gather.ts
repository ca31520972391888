import type { ResultColumn } from '@millrace/values/column-batch';
import { duckdbTypeOf } from '@millrace/values/duckdb-type-of';
import type { BoundColumn, BoundExpression } from '../bound/bound-expression.ts';
import type { BoundFrom, BoundJoin, BoundQuery, BoundRelation, BoundSelect } from '../bound/bound-query.ts';
import { relationsOf, relationsUsedBy, visitColumns } from '../bound/walk.ts';
import type { Fragment } from '../plan.ts';
import { renderExpression } from '../render/render-expression.ts';
import { renderFrom, selectSql } from '../render/render-query.ts';
import { quoteIdentifier } from '../render/sql-text.ts';
import { FragmentBuilder } from './fragment-builder.ts';
import { filterNode, fromNode } from './outline.ts';
import { conditionsOfSides, isPushable, type Placement, placeFrom } from './placement.ts';

/** A FROM tree cut into what leaves evaluate and what remains for the aggregator. */
export type FromPiece =
  | {
      readonly kind: 'gathered';
      readonly from: BoundFrom;
      readonly placement: Placement;
      readonly filters: readonly BoundExpression[];
    }
  /** A derived table or a view. */
  | { readonly kind: 'relation'; readonly relation: BoundRelation }
  | { readonly kind: 'join'; readonly join: BoundJoin; readonly left: FromPiece; readonly right: FromPiece };

/**
 * Cuts a FROM tree into the largest parts that leaves can evaluate, each with the conditions that concern it alone.
 *
 * @param conditions predicates that every row must satisfy or is dropped
 */
export function cutFrom(from: BoundFrom, conditions: readonly BoundExpression[]): FromPiece {
  const placement = placeFrom(from, conditions);
  if (placement?.database !== undefined) {
    return { kind: 'gathered', from, placement, filters: filtersFor(from, placement, conditions) };
  }
  if (from.kind === 'relation') return { kind: 'relation', relation: from };
  const sides = conditionsOfSides(from, conditions);
  return {
    kind: 'join',
    join: from,
    left: cutFrom(from.left, sides.left),
    right: cutFrom(from.right, sides.right),
  };
}

function filtersFor(
  from: BoundFrom,
  placement: Placement,
  conditions: readonly BoundExpression[],
): readonly BoundExpression[] {
  const relations = relationsOf(from);
  return conditions.filter(
    (condition) =>
      [...relationsUsedBy(condition)].every((relation) => relations.has(relation)) &&
      isPushable(condition, placement),
  );
}

/** The conditions that some piece applies, so that they need not be applied again. */
export function appliedFilters(
  piece: FromPiece,
  applied: Set<BoundExpression> = new Set(),
): ReadonlySet<BoundExpression> {
  if (piece.kind === 'gathered') for (const filter of piece.filters) applied.add(filter);
  if (piece.kind === 'join') {
    appliedFilters(piece.left, applied);
    appliedFilters(piece.right, applied);
  }
  return applied;
}

/** The columns, by relation, that remain in use after the pieces were evaluated. */
export class UsedColumns {
  readonly #byRelation = new Map<string, Map<string, BoundColumn>>();

  constructor(
    query: BoundQuery,
    select: BoundSelect,
    where: readonly BoundExpression[],
    piece: FromPiece | undefined,
  ) {
    const add = (column: BoundColumn) => {
      const columns = this.#byRelation.get(column.relation) ?? new Map<string, BoundColumn>();
      this.#byRelation.set(column.relation, columns.set(column.column, column));
    };
    const order = query.orderBy.map((item) => item.expression);
    for (const expression of [...select.items, ...where, ...select.groupBy, ...select.having, ...order]) {
      visitColumns(expression, add);
    }
    if (piece !== undefined) visitConditions(piece, (condition) => visitColumns(condition, add));
  }

  of(from: BoundFrom): readonly BoundColumn[] {
    return [...relationsOf(from)].flatMap((relation) => [
      ...(this.#byRelation.get(relation)?.values() ?? []),
    ]);
  }
}

function visitConditions(piece: FromPiece, visit: (condition: BoundExpression) => void): void {
  if (piece.kind !== 'join') return;
  piece.join.on.forEach(visit);
  visitConditions(piece.left, visit);
  visitConditions(piece.right, visit);
}

/** Name of a gathered column in the fragment's rows. */
export function gatheredName({ relation, column }: BoundColumn): string {
  return `${relation}.${column}`;
}

/** The fragment that brings the used columns of a piece. */
export function gatherFragment(
  piece: Extract<FromPiece, { readonly kind: 'gathered' }>,
  used: readonly BoundColumn[],
): Fragment {
  const builder = new FragmentBuilder();
  const columns = used.map(
    (column): ResultColumn => ({
      name: gatheredName(column),
      type: column.type,
      nullable: column.nullable,
    }),
  );
  const none: ResultColumn = { name: 'one', type: { kind: 'int', unsigned: false }, nullable: false };
  const sql = selectSql({
    distinct: false,
    items:
      used.length === 0
        ? [`CAST(1 AS ${duckdbTypeOf(none.type)}) AS "one"`]
        : used.map((column) => `${builder.column(column)} AS ${quoteIdentifier(gatheredName(column))}`),
    from: renderFrom(piece.from, builder, piece.filters),
    where: piece.filters.map((filter) => renderExpression(filter, builder)),
    groupBy: undefined,
    having: [],
    orderBy: [],
    limit: undefined,
    offset: 0n,
  });
  const outline = filterNode(piece.filters, fromNode(piece.from));
  return builder.build(sql, piece.placement, used.length === 0 ? [none] : columns, outline);
}
