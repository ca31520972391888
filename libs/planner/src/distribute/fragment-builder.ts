import type { DatabaseDefinition } from '@millrace/catalog/definitions';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { ResultColumn } from '@millrace/values/column-batch';
import type { BoundColumn, BoundExpression } from '../bound/bound-expression.ts';
import type { BoundQuery, BoundRelation } from '../bound/bound-query.ts';
import type { Fragment, PartitionSet, PlanNode, SqlPart } from '../plan.ts';
import { ownColumn } from '../render/render-expression.ts';
import { type QueryScope, renderQuery } from '../render/render-query.ts';
import { quoteIdentifier, tableMarker } from '../render/sql-text.ts';
import type { Placement } from './placement.ts';
import { segmentFilter } from './segment-filter.ts';

/** Renders what leaves run: tables become places that each leaf fills with its partitions. */
export class FragmentBuilder implements QueryScope {
  readonly #tables: Extract<SqlPart, { readonly kind: 'table' }>[] = [];
  #database: DatabaseDefinition | undefined;

  column(column: BoundColumn): string {
    return ownColumn(column);
  }

  query(query: BoundQuery): string {
    return renderQuery(query, this);
  }

  relation(relation: BoundRelation, conditions: readonly BoundExpression[]): string {
    const alias = quoteIdentifier(relation.id);
    const { source } = relation;
    switch (source.kind) {
      case 'table': {
        this.#database ??= source.database;
        const filter = segmentFilter(relation.id, conditions);
        this.#tables.push({
          kind: 'table',
          table: source.table,
          ...(filter === undefined ? {} : { filter }),
        });
        return `${tableMarker}${this.#tables.length - 1}${tableMarker} AS ${alias}`;
      }
      case 'query':
        return `(${renderQuery(source.query, this)}) AS ${alias}`;
      case 'virtual':
        throw new MillraceError('INTERNAL', `view ${source.view} cannot be read on a leaf`);
    }
  }

  /** The fragment of SQL that was rendered with this builder. */
  build(sql: string, placement: Placement, columns: readonly ResultColumn[], outline: PlanNode): Fragment {
    if (this.#database === undefined) throw new MillraceError('INTERNAL', 'fragment without a table');
    return {
      databaseId: this.#database.id,
      databaseName: this.#database.name,
      schemaVersion: this.#database.schemaVersion,
      partitions: partitionsOf(placement),
      sql: this.#parts(sql),
      columns,
      outline,
    };
  }

  #parts(sql: string): readonly SqlPart[] {
    // Every second piece is the number of a table.
    return sql.split(tableMarker).flatMap((piece, at): readonly SqlPart[] => {
      if (at % 2 === 0) return piece === '' ? [] : [{ kind: 'text', text: piece }];
      const table = this.#tables[Number(piece)];
      return table === undefined ? [] : [table];
    });
  }
}

export function partitionsOf(placement: Placement): PartitionSet {
  if (placement.kind === 'replicated') return { kind: 'reference' };
  if (placement.pinned === undefined) return { kind: 'all' };
  const { table, keys } = placement.pinned;
  return keys.length === 0 ? { kind: 'none' } : { kind: 'keys', table, keys };
}
