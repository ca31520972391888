import { duckdbTypeOf } from '@millrace/values/duckdb-type-of';
import type { SqlType } from '@millrace/values/sql-type';
import type { BoundColumn } from '../bound/bound-expression.ts';
import { type BoundQuery, type BoundRelation, outputName } from '../bound/bound-query.ts';
import { convertTo } from '../types/convert.ts';
import type { Binder } from './binder.ts';

/** The query with its columns converted to the given types; itself where nothing changes. */
export function convertQuery(binder: Binder, query: BoundQuery, types: readonly SqlType[]): BoundQuery {
  const same = query.columns.every((column, at) => {
    const type = types[at];
    return (
      type === undefined ||
      (type.kind === column.type.kind && duckdbTypeOf(type) === duckdbTypeOf(column.type))
    );
  });
  const columns = query.columns.map((column, at) => ({ ...column, type: types[at] ?? column.type }));
  if (same) return { ...query, columns };
  const { body } = query;
  if (body.kind === 'select' && !body.distinct && query.orderBy.length === 0) {
    const items = body.items.map((item, at) => convertTo(item, types[at] ?? item.type));
    return { ...query, columns, body: { ...body, items } };
  }
  const relation = derivedRelation(
    binder.newId('r'),
    '',
    query,
    query.columns.map((column) => column.name),
  );
  const items = outputColumns(relation).map((column, at) => convertTo(column, types[at] ?? column.type));
  return {
    id: binder.newId('q'),
    body: {
      kind: 'select',
      distinct: false,
      items,
      from: relation,
      where: [],
      aggregated: false,
      groupBy: [],
      rollup: false,
      having: [],
    },
    orderBy: [],
    limit: undefined,
    offset: 0n,
    columns,
  };
}

/** A query in FROM. */
export function derivedRelation(
  id: string,
  alias: string,
  query: BoundQuery,
  names: readonly string[],
): BoundRelation {
  return {
    kind: 'relation',
    id,
    alias,
    source: { kind: 'query', query },
    columns: query.columns.map((column, at) => ({
      name: names[at] ?? column.name,
      sqlName: outputName(at),
      type: column.type,
      nullable: column.nullable,
      ...(column.origin === undefined ? {} : { origin: column.origin }),
    })),
  };
}

/** References to all columns of a relation. */
export function outputColumns(relation: BoundRelation): readonly BoundColumn[] {
  return relation.columns.map((column) => ({
    kind: 'column',
    relation: relation.id,
    column: column.sqlName,
    type: column.type,
    nullable: column.nullable,
    label: relation.alias === '' ? column.name : `${relation.alias}.${column.name}`,
    ...(column.origin === undefined ? {} : { origin: column.origin }),
  }));
}
