import { MillraceError } from '@millrace/errors/millrace-error';
import type { BoundColumn } from '../bound/bound-expression.ts';
import type { BoundQuery, BoundSelect } from '../bound/bound-query.ts';
import { outerColumnsOf, relationsOf } from '../bound/walk.ts';
import type { Fragment, MergeInput, PartitionSet, PlanNode, SelectPlan } from '../plan.ts';
import { ownColumn, type RenderScope, renderExpression } from '../render/render-expression.ts';
import { joinSql, outerSql, renderSelect, setOperationSql } from '../render/render-query.ts';
import { quoteIdentifier } from '../render/sql-text.ts';
import {
  appliedFilters,
  cutFrom,
  type FromPiece,
  gatheredName,
  gatherFragment,
  UsedColumns,
} from './gather.ts';
import { joinNode, orderNode, planNode, scanNode, selectNode } from './outline.ts';
import { planBlock } from './plan-block.ts';

/** SQL of the merge step with its operators. */
interface Merged {
  readonly sql: string;
  readonly node: PlanNode;
}

/** Columns of enclosing queries: none at the top. */
const topScope: RenderScope = {
  column: (column) => {
    throw new MillraceError('INTERNAL', `column ${column.label} is out of reach`);
  },
  query: () => {
    throw new MillraceError('INTERNAL', 'subquery without a planner');
  },
};

/**
 * The distributed plan of a query. `names` are the names of the columns in the plan's SQL (c0, c1, … when omitted).
 *
 * A select that leaves can do by themselves is one fragment. Everything else runs at the aggregator over fragments that
 * do as much as they can: each select inside (derived tables, subqueries, sides of a UNION) is planned by itself.
 */
export function planQuery(query: BoundQuery, names?: readonly string[]): SelectPlan {
  const columns = query.columns.map((column, at) => ({ ...column, name: names?.[at] ?? column.name }));
  const block = query.body.kind === 'select' ? planBlock(query, query.body, names) : undefined;
  if (block !== undefined && block.merge === undefined) {
    const { fragment } = block;
    return isSinglePlace(fragment.partitions)
      ? { kind: 'direct', columns, fragment }
      : { kind: 'concat', columns, fragment, limit: query.limit ?? null };
  }
  const planner = new MergePlanner();
  const { sql, node } = planner.render(query, topScope, names);
  return { kind: 'merge', columns, inputs: planner.inputs, sql, outline: node };
}

function isSinglePlace(partitions: PartitionSet): boolean {
  return partitions.kind === 'reference' || (partitions.kind === 'keys' && partitions.keys.length === 1);
}

/** How EXPLAIN calls the partitions that a fragment needs. */
export function partitionsText(partitions: PartitionSet): string {
  switch (partitions.kind) {
    case 'all':
      return 'all';
    case 'keys':
      return partitions.keys.length === 1 ? 'single' : `${partitions.keys.length} keys`;
    case 'reference':
      return 'single';
    case 'none':
      return 'none';
  }
}

/** Shows the subqueries of a block's expressions beside its input. */
function withSubqueries(node: PlanNode, subqueries: readonly PlanNode[]): PlanNode {
  return {
    ...node,
    inputs: [...node.inputs, ...subqueries.map((subquery) => planNode('Subquery', subquery))],
  };
}

class MergePlanner {
  readonly inputs: MergeInput[] = [];

  /** A query at the aggregator; `outer` knows the columns of the queries around it. */
  render(query: BoundQuery, outer: RenderScope, names?: readonly string[]): Merged {
    const { body } = query;
    switch (body.kind) {
      case 'select':
        return this.#renderBlock(query, body, names) ?? this.#renderGathered(query, body, outer, names);
      case 'nested': {
        const inner = this.#renderNested(body.query, outer);
        return this.#wrap(query, inner, outer, names);
      }
      case 'setOperation': {
        const left = this.#renderNested(body.left, outer);
        const right = this.#renderNested(body.right, outer);
        const name = `${body.operator[0]}${body.operator.slice(1).toLowerCase()}${body.all ? 'All' : ''}`;
        const inner = {
          sql: setOperationSql(body, left.sql, right.sql),
          node: planNode(name, left.node, right.node),
        };
        return this.#wrap(query, inner, outer, names);
      }
    }
  }

  /**
   * A query inside another. DuckDB 1.5 pushes the filters that it derives from a join below the LIMIT of one of its sides,
   * which then keeps other rows (join_filter_pushdown); a materialized result is out of its reach.
   */
  #renderNested(query: BoundQuery, outer: RenderScope): Merged {
    const { sql, node } = this.render(query, outer);
    const limited = query.limit !== undefined || query.offset > 0n;
    if (!limited || outerColumnsOf(query).length > 0) return { sql, node };
    const name = quoteIdentifier(`${query.id} rows`);
    return { sql: `WITH ${name} AS MATERIALIZED (${sql}) SELECT * FROM ${name}`, node };
  }

  #wrap(query: BoundQuery, inner: Merged, outer: RenderScope, names: readonly string[] | undefined): Merged {
    const subqueries: PlanNode[] = [];
    const scope: RenderScope = {
      column: (column) => (column.relation === query.id ? ownColumn(column) : outer.column(column)),
      query: (subquery) => this.#renderSubquery(subquery, scope, subqueries),
    };
    const sql = outerSql(query, inner.sql, scope, names);
    return { sql, node: withSubqueries(orderNode(query, inner.node), subqueries) };
  }

  /** A select that leaves prepare. */
  #renderBlock(
    query: BoundQuery,
    select: BoundSelect,
    names: readonly string[] | undefined,
  ): Merged | undefined {
    const block = planBlock(query, select, undefined);
    if (block === undefined) return undefined;
    const { name, node } = this.#gather(block.fragment);
    const { merge } = block;
    if (merge !== undefined) {
      const subqueries: PlanNode[] = [];
      const sql = merge.sql(
        name,
        (subquery, scope) => this.#renderSubquery(subquery, scope, subqueries),
        names,
      );
      return { sql, node: withSubqueries(merge.outline(node), subqueries) };
    }
    const items = block.fragment.columns.map((column, at) => {
      const own = quoteIdentifier(column.name);
      return names === undefined ? own : `${own} AS ${quoteIdentifier(names[at] ?? column.name)}`;
    });
    const limit = query.limit === undefined || query.orderBy.length > 0 ? '' : ` LIMIT ${query.limit}`;
    return { sql: `SELECT ${items.join(', ')} FROM ${quoteIdentifier(name)}${limit}`, node };
  }

  #gather(fragment: Fragment): { readonly name: string; readonly node: PlanNode } {
    const name = `in${this.inputs.length}`;
    this.inputs.push({ kind: 'fragment', name, fragment });
    return {
      name,
      node: planNode(
        `Gather partitions:${partitionsText(fragment.partitions)} alias:${name}`,
        fragment.outline,
      ),
    };
  }

  /** A select over gathered rows. */
  #renderGathered(
    query: BoundQuery,
    select: BoundSelect,
    outer: RenderScope,
    names: readonly string[] | undefined,
  ): Merged {
    const piece = select.from === undefined ? undefined : cutFrom(select.from, select.where);
    const applied = piece === undefined ? new Set() : appliedFilters(piece);
    const where = select.where.filter((condition) => !applied.has(condition));
    const used = new UsedColumns(query, select, where, piece);
    const places = new Map<string, (column: BoundColumn) => string>();
    const subqueries: PlanNode[] = [];
    const scope: RenderScope = {
      column: (column) => (places.get(column.relation) ?? ((other) => outer.column(other)))(column),
      query: (subquery) => this.#renderSubquery(subquery, scope, subqueries),
    };
    const from = piece === undefined ? undefined : this.#renderPiece(piece, used, places, scope);
    const sql = renderSelect(query, select, {
      scope,
      from: from?.sql,
      where,
      ...(names === undefined ? {} : { names }),
    });
    return { sql, node: withSubqueries(orderNode(query, selectNode(select, where, from?.node)), subqueries) };
  }

  #renderSubquery(query: BoundQuery, scope: RenderScope, nodes: PlanNode[]): string {
    const { sql, node } = this.#renderNested(query, scope);
    nodes.push(node);
    return sql;
  }

  #renderPiece(
    piece: FromPiece,
    used: UsedColumns,
    places: Map<string, (column: BoundColumn) => string>,
    scope: RenderScope,
  ): Merged {
    switch (piece.kind) {
      case 'gathered': {
        const { name, node } = this.#gather(gatherFragment(piece, used.of(piece.from)));
        const input = quoteIdentifier(name);
        for (const relation of relationsOf(piece.from)) {
          places.set(relation, (column) => `${input}.${quoteIdentifier(gatheredName(column))}`);
        }
        return { sql: input, node };
      }
      case 'relation': {
        const { relation } = piece;
        places.set(relation.id, ownColumn);
        const { sql, node } = this.#renderRelation(relation);
        return { sql: `${sql} AS ${quoteIdentifier(relation.id)}`, node };
      }
      case 'join': {
        const left = this.#renderPiece(piece.left, used, places, scope);
        const right = this.#renderPiece(piece.right, used, places, scope);
        const { type, on } = piece.join;
        const conditions = on.map((condition) => renderExpression(condition, scope));
        return {
          sql: joinSql(type, left.sql, right.sql, conditions),
          node: joinNode(type, on, left.node, right.node),
        };
      }
    }
  }

  #renderRelation(relation: Extract<FromPiece, { readonly kind: 'relation' }>['relation']): Merged {
    const { source } = relation;
    switch (source.kind) {
      case 'query': {
        const { sql, node } = this.#renderNested(source.query, topScope);
        return { sql: `(${sql})`, node };
      }
      case 'virtual': {
        const name = `in${this.inputs.length}`;
        this.inputs.push({ kind: 'virtual', name, view: source.view });
        return { sql: quoteIdentifier(name), node: scanNode(relation) };
      }
      case 'table':
        throw new MillraceError('INTERNAL', `table ${source.table.name} was not placed`);
    }
  }
}
