import type { TableDefinition } from '@millrace/catalog/definitions';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { Assignment } from '@millrace/sql/ast/insert';
import { bindExpression } from '../bind/bind-expression.ts';
import { bindQuery } from '../bind/bind-query.ts';
import type { Binder } from '../bind/binder.ts';
import type { ExpressionEnvironment } from '../bind/expression-environment.ts';
import { sameName } from '../bind/name-scope.ts';
import type { BoundExpression } from '../bound/bound-expression.ts';
import type { PlannedAssignment } from '../plan.ts';
import { type RenderScope, renderExpression } from '../render/render-expression.ts';
import { assignable, currentTime, defaultValue, isDefault, targetColumn } from './target-table.ts';

interface BoundAssignment {
  readonly column: string;
  readonly value: BoundExpression;
}

/**
 * `column = value` of UPDATE and ON DUPLICATE KEY UPDATE. Columns with ON UPDATE CURRENT_TIMESTAMP that are not assigned
 * get the time too.
 *
 * @throws COLUMN_UNKNOWN, SHARD_KEY_UPDATE
 */
export function bindAssignments(
  binder: Binder,
  assignments: readonly Assignment[],
  table: TableDefinition,
  environment: ExpressionEnvironment,
): readonly BoundAssignment[] {
  const bound = assignments.map(({ column: name, value: node }): BoundAssignment => {
    const column = targetColumn(table, name.name);
    if (table.shardKey.some((key) => sameName(key, column.name))) {
      throw new MillraceError(
        'SHARD_KEY_UPDATE',
        `column '${column.name}' is part of the shard key and cannot be updated`,
      );
    }
    const value = isDefault(node)
      ? defaultValue(column, binder.session)
      : bindExpression(binder, node, environment, bindQuery);
    return { column: column.name, value: assignable(value, column) };
  });
  const touched = table.columns.filter(
    (column) => column.onUpdateNow === true && !bound.some((assignment) => assignment.column === column.name),
  );
  return [
    ...bound,
    ...touched.map((column) => ({ column: column.name, value: currentTime(column, binder.session) })),
  ];
}

export function renderAssignments(
  assignments: readonly BoundAssignment[],
  scope: RenderScope,
): readonly PlannedAssignment[] {
  return assignments.map(({ column, value }) => ({ column, expression: renderExpression(value, scope) }));
}
