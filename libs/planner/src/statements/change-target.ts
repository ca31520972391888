import { MillraceError } from '@millrace/errors/millrace-error';
import type { ColumnReference } from '@millrace/sql/ast/expression';
import type { ObjectName } from '@millrace/sql/ast/node';
import { lookUp, type NameScope, unknownColumn } from '../bind/name-scope.ts';
import type { BoundFrom, BoundRelation } from '../bound/bound-query.ts';
import type { TargetTable } from './target-table.ts';

/** The table that an UPDATE or DELETE changes, among those of its FROM. */
export interface ChangeTarget extends TargetTable {
  readonly relation: BoundRelation;
}

function relationsIn(from: BoundFrom): readonly BoundRelation[] {
  return from.kind === 'relation' ? [from] : [...relationsIn(from.left), ...relationsIn(from.right)];
}

/** Whether every row of the FROM tree has a row of the relation. */
function isAlwaysThere(from: BoundFrom, id: string): boolean {
  if (from.kind === 'relation') return from.id === id;
  return isAlwaysThere(from.left, id)
    ? from.type !== 'full'
    : from.type === 'inner' && isAlwaysThere(from.right, id);
}

function changeTarget(from: BoundFrom, relation: BoundRelation): ChangeTarget {
  const { source, alias } = relation;
  if (source.kind !== 'table') {
    throw new MillraceError(
      'SQL_UNSUPPORTED',
      source.kind === 'virtual'
        ? 'information_schema cannot be changed'
        : `'${alias}' is not a table that can be changed`,
    );
  }
  if (!isAlwaysThere(from, relation.id)) {
    throw new MillraceError(
      'SQL_UNSUPPORTED',
      `a change of '${alias}', which an outer join may leave without a row`,
    );
  }
  return { database: source.database, table: source.table, relation };
}

/**
 * The table whose columns are assigned.
 *
 * @throws COLUMN_UNKNOWN, COLUMN_AMBIGUOUS, SQL_UNSUPPORTED
 */
export function assignedTarget(
  from: BoundFrom,
  scope: NameScope,
  columns: readonly ColumnReference[],
): ChangeTarget {
  const relations = relationsIn(from);
  const [only] = relations;
  const ids = new Set(
    columns.map((column) => {
      const found = lookUp(scope, column, 'field list');
      if (found === undefined) throw unknownColumn(column, 'field list');
      return found.kind === 'column' ? found.relation : undefined;
    }),
  );
  if (only !== undefined && relations.length === 1) return changeTarget(from, only);
  const [id] = ids;
  const relation = relations.find((candidate) => candidate.id === id);
  if (ids.size > 1)
    throw new MillraceError('SQL_UNSUPPORTED', 'UPDATE of several tables at once is not supported');
  if (relation === undefined)
    throw new MillraceError('SQL_UNSUPPORTED', 'UPDATE of a joined column that is not of one table');
  return changeTarget(from, relation);
}

/**
 * The table to delete from; `targets` are those before FROM.
 *
 * @throws TABLE_UNKNOWN, SQL_UNSUPPORTED
 */
export function deletedTarget(from: BoundFrom, targets: readonly ObjectName[]): ChangeTarget {
  const relations = relationsIn(from);
  const [target, ...others] = targets;
  if (others.length > 0)
    throw new MillraceError('SQL_UNSUPPORTED', 'DELETE from several tables at once is not supported');
  const [only] = relations;
  if (target === undefined && only !== undefined && relations.length === 1) return changeTarget(from, only);
  const relation = relations.find(
    ({ alias, source }) =>
      alias === target?.name &&
      (target.database === undefined ||
        (source.kind === 'table' && source.database.name === target.database)),
  );
  if (relation === undefined)
    throw new MillraceError('TABLE_UNKNOWN', `Unknown table '${target?.name ?? ''}' in MULTI DELETE`);
  return changeTarget(from, relation);
}
