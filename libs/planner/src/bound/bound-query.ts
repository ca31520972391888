import type { DatabaseDefinition, TableDefinition } from '@millrace/catalog/definitions';
import type { SqlType } from '@millrace/values/sql-type';
import type { BoundExpression, BoundOrder } from './bound-expression.ts';

/** A query with its ORDER BY and LIMIT. In generated SQL its columns are named c0, c1, …. */
export interface BoundQuery {
  /** Unique within the statement; also the relation id of its output where `orderBy` refers to that. */
  readonly id: string;
  readonly body: BoundBody;
  /** Of a select body: over the same relations as its items. Otherwise: over columns of relation `id`. */
  readonly orderBy: readonly BoundOrder[];
  readonly limit: bigint | undefined;
  readonly offset: bigint;
  readonly columns: readonly OutputColumn[];
}

export interface OutputColumn {
  readonly name: string;
  readonly type: SqlType;
  readonly nullable: boolean;
  readonly origin?: { readonly database: string; readonly table: string; readonly column: string };
}

export type BoundBody = BoundSelect | BoundSetOperation | BoundNested;

/** A parenthesised query with clauses of its own. */
export interface BoundNested {
  readonly kind: 'nested';
  readonly query: BoundQuery;
}

export interface BoundSetOperation {
  readonly kind: 'setOperation';
  readonly operator: 'UNION' | 'EXCEPT' | 'INTERSECT';
  readonly all: boolean;
  readonly left: BoundQuery;
  readonly right: BoundQuery;
}

export interface BoundSelect {
  readonly kind: 'select';
  readonly distinct: boolean;
  /** Values, never predicates. */
  readonly items: readonly BoundExpression[];
  readonly from: BoundFrom | undefined;
  /** Predicates that must all hold. */
  readonly where: readonly BoundExpression[];
  /** There is a GROUP BY, a HAVING over groups, or an aggregate. */
  readonly aggregated: boolean;
  readonly groupBy: readonly BoundExpression[];
  readonly rollup: boolean;
  readonly having: readonly BoundExpression[];
}

export type BoundFrom = BoundRelation | BoundJoin;

export interface BoundJoin {
  readonly kind: 'join';
  /** RIGHT is bound as LEFT with the sides exchanged. */
  readonly type: 'inner' | 'left' | 'full';
  readonly left: BoundFrom;
  readonly right: BoundFrom;
  /** Predicates that must all hold; empty for a cross join. */
  readonly on: readonly BoundExpression[];
}

export interface BoundRelation {
  readonly kind: 'relation';
  /** Unique within the statement and the relation's alias in generated SQL. */
  readonly id: string;
  /** Name or alias in the statement. */
  readonly alias: string;
  readonly source: RelationSource;
  readonly columns: readonly RelationColumn[];
}

export type RelationSource =
  | { readonly kind: 'table'; readonly database: DatabaseDefinition; readonly table: TableDefinition }
  | { readonly kind: 'query'; readonly query: BoundQuery }
  | { readonly kind: 'virtual'; readonly view: string };

export interface RelationColumn {
  readonly name: string;
  /** Name in generated SQL. */
  readonly sqlName: string;
  readonly type: SqlType;
  readonly nullable: boolean;
  readonly origin?: { readonly database: string; readonly table: string; readonly column: string };
}

/** Name of the output column at a position, in generated SQL. */
export function outputName(position: number): string {
  return `c${position}`;
}
