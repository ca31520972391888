import type { Binder } from '../bind/binder.ts';
import {
  type BoundColumn,
  type BoundExpression,
  type BoundOrder,
  childrenOf,
  isPredicate,
  literal,
} from '../bound/bound-expression.ts';
import type { BoundFrom, BoundRelation } from '../bound/bound-query.ts';
import { visitColumns } from '../bound/walk.ts';
import { planQuery } from '../distribute/merge-planner.ts';
import type { ChangeLookup } from '../plan.ts';
import { canonicalText, type RenderScope } from '../render/render-expression.ts';
import { quoteIdentifier } from '../render/sql-text.ts';
import { asValue } from '../types/convert.ts';
import { intType } from '../types/type-class.ts';
import { targetScope } from './target-table.ts';

/** The name is part of the contract with leaves (leaf.proto). */
const lookupTable = 'temp.main."millrace lookup"';

/** LIMIT with the order that says which rows come first. */
export interface RowCut {
  readonly limit: bigint;
  readonly orderBy: readonly BoundOrder[];
}

/**
 * What an UPDATE or DELETE needs of other tables, for each row: found out by a query before the change, and looked up by
 * the values of the changed table's columns that it depends on. So a leaf decides about its rows alone, again when it redoes
 * the change, and rows that changed in between are left out instead of being changed by mistake.
 */
export class LookupBuilder {
  readonly #target: BoundRelation;
  readonly #keys = new Map<string, BoundColumn>();
  readonly #values = new Map<string, { readonly name: string; readonly expression: BoundExpression }>();

  constructor(target: BoundRelation) {
    this.#target = target;
  }

  /** Whether an expression cannot be evaluated with the columns of the changed table alone. */
  needs(expression: BoundExpression): boolean {
    return this.#isForeign(expression) || childrenOf(expression).some((child) => this.needs(child));
  }

  /** Says that rows are found by a condition. */
  addCondition(condition: BoundExpression): void {
    visitColumns(condition, (column) => this.#addKey(column));
  }

  /** Says that rows are found by these columns of the changed table. */
  addKeys(names: readonly string[]): void {
    for (const { name, sqlName, type, nullable } of this.#target.columns) {
      if (!names.includes(name)) continue;
      const { id: relation } = this.#target;
      this.#addKey({ kind: 'column', relation, column: sqlName, type, nullable, label: name });
    }
  }

  /** Provides the parts of a value that come from elsewhere. */
  addValue(expression: BoundExpression): void {
    if (!this.#isForeign(expression)) {
      for (const child of childrenOf(expression)) this.addValue(child);
      return;
    }
    visitColumns(expression, (column) => this.#addKey(column));
    const text = canonicalText(expression);
    if (!this.#values.has(text))
      this.#values.set(text, { name: `millrace v${this.#values.size}`, expression });
  }

  #isForeign(expression: BoundExpression): boolean {
    return (
      expression.kind === 'subquery' ||
      (expression.kind === 'column' && expression.relation !== this.#target.id)
    );
  }

  #addKey(column: BoundColumn): void {
    if (column.relation === this.#target.id) this.#keys.set(column.column, column);
  }

  /** True for rows of the changed table that the lookup has. Complete only when everything was added. */
  get condition(): string {
    return `EXISTS (SELECT 1 FROM ${lookupTable} AS lookup${this.#where()})`;
  }

  /** Renders values over columns of the changed table and the lookup. */
  get scope(): RenderScope {
    return {
      ...targetScope,
      replacement: (expression) => {
        const value = this.#isForeign(expression) ? this.#values.get(canonicalText(expression)) : undefined;
        if (value === undefined) return undefined;
        const found = `(SELECT lookup.${quoteIdentifier(value.name)} FROM ${lookupTable} AS lookup${this.#where()})`;
        return isPredicate(expression) ? `CAST(${found} AS BOOLEAN)` : found;
      },
    };
  }

  #where(): string {
    const equal = [...this.#keys.keys()].map(
      (column, at) =>
        `lookup.${quoteIdentifier(keyName(at))} IS NOT DISTINCT FROM ${quoteIdentifier(column)}`,
    );
    return equal.length === 0 ? '' : ` WHERE ${equal.join(' AND ')}`;
  }

  /** The query that finds the rows and their values; with `cut` the first ones, by a unique key. */
  plan(
    binder: Binder,
    from: BoundFrom,
    where: readonly BoundExpression[],
    cut: RowCut | undefined,
  ): ChangeLookup {
    const keys = [...this.#keys.values()].map((expression, at) => ({ name: keyName(at), expression }));
    const values = [...this.#values.values()].map(({ name, expression }) => ({
      name,
      expression: asValue(expression),
    }));
    const columns = [...keys, ...values];
    // Only whether there is a row matters.
    if (columns.length === 0) columns.push({ name: 'millrace found', expression: literal(intType, 1n) });
    const query = {
      id: binder.newId('q'),
      body: {
        kind: 'select' as const,
        distinct: cut === undefined,
        items: columns.map(({ expression }) => expression),
        from,
        where,
        aggregated: false,
        groupBy: [],
        rollup: false,
        having: [],
      },
      orderBy: cut?.orderBy ?? [],
      limit: cut?.limit,
      offset: 0n,
      columns: columns.map(({ name, expression: { type, nullable } }) => ({ name, type, nullable })),
    };
    const names = columns.map(({ name }) => name);
    return {
      plan: planQuery(query, names),
      keys: keys.map(({ name, expression: { column } }) => ({ name, column })),
    };
  }
}

function keyName(position: number): string {
  return `millrace k${position}`;
}
