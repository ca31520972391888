import { MillraceError } from '@millrace/errors/millrace-error';
import type { BoundColumn, BoundExpression, BoundOrder } from '../bound/bound-expression.ts';
import type { BoundFrom, BoundRelation } from '../bound/bound-query.ts';
import { outerColumnsOf, relationsOf } from '../bound/walk.ts';
import { aggregateFunction, plainCall } from '../functions/aggregates.ts';
import { canonicalText } from '../render/render-expression.ts';

/**
 * Checks that an expression of an aggregated select has one value per group, as sql_mode ONLY_FULL_GROUP_BY demands.
 * Columns of a table whose whole primary key is grouped have one value too; they come back wrapped in ANY_VALUE.
 *
 * @throws GROUP_BY_REQUIRED
 */
export function groupedExpression(
  expression: BoundExpression,
  groupBy: readonly BoundExpression[],
  from: BoundFrom | undefined,
): BoundExpression {
  const keys = new Set(groupBy.map(canonicalText));
  const relations = from === undefined ? new Set<string>() : relationsOf(from);
  const determined = from === undefined ? new Set<string>() : determinedRelations(from, keys);
  return regroup(expression);

  function regroup(part: BoundExpression): BoundExpression {
    if (keys.has(canonicalText(part))) return part;
    switch (part.kind) {
      case 'literal':
      case 'aggregate':
        return part;
      case 'column':
        return regroupColumn(part);
      case 'call':
        return { ...part, args: part.args.map(regroup) };
      case 'window':
        return {
          ...part,
          args: part.args.map(regroup),
          partitionBy: part.partitionBy.map(regroup),
          orderBy: part.orderBy.map(
            (item): BoundOrder => ({ ...item, expression: regroup(item.expression) }),
          ),
        };
      case 'subquery': {
        for (const column of outerColumnsOf(part.query)) {
          if (relations.has(column.relation) && !keys.has(canonicalText(column))) throw notGrouped(column);
        }
        return part.form === 'quantified' ? { ...part, operand: regroup(part.operand) } : part;
      }
    }
  }

  function regroupColumn(column: BoundColumn): BoundExpression {
    if (!relations.has(column.relation)) return column;
    if (!determined.has(column.relation)) throw notGrouped(column);
    const { spec } = aggregateFunction('ANY_VALUE').bind([column], plainCall);
    return {
      kind: 'aggregate',
      name: 'ANY_VALUE',
      args: [column],
      distinct: false,
      orderBy: [],
      type: column.type,
      nullable: column.nullable,
      spec,
    };
  }
}

function notGrouped(column: BoundColumn): MillraceError {
  return new MillraceError('GROUP_BY_REQUIRED', `'${column.label}' isn't in GROUP BY`);
}

/** Tables whose primary key columns are all group keys. */
function determinedRelations(from: BoundFrom, keys: ReadonlySet<string>): ReadonlySet<string> {
  if (from.kind === 'join') {
    return new Set([...determinedRelations(from.left, keys), ...determinedRelations(from.right, keys)]);
  }
  const primary =
    from.source.kind === 'table' ? from.source.table.keys.find((key) => key.kind === 'primary') : undefined;
  const covered = primary?.columns.every((name) => keys.has(columnText(from, name))) ?? false;
  return new Set(covered ? [from.id] : []);
}

function columnText(relation: BoundRelation, name: string): string {
  const column = relation.columns.find((candidate) => candidate.name.toLowerCase() === name.toLowerCase());
  return canonicalText({
    kind: 'column',
    relation: relation.id,
    column: column?.sqlName ?? name,
    type: { kind: 'null' },
    nullable: true,
    label: name,
  });
}
