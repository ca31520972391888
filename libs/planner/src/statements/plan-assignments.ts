import type { TableDefinition } from '@millrace/catalog/definitions';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { Assignment } from '@millrace/sql/ast/insert';
import { bindExpression } from '../bind/bind-expression.ts';
import { bindQuery } from '../bind/bind-query.ts';
import type { Binder } from '../bind/binder.ts';
import type { ExpressionEnvironment } from '../bind/expression-environment.ts';
import { sameName } from '../bind/name-scope.ts';
import type { PlannedAssignment } from '../plan.ts';
import { renderExpression } from '../render/render-expression.ts';
import {
  assignable,
  currentTime,
  defaultValue,
  isDefault,
  targetColumn,
  targetScope,
} from './target-table.ts';

/**
 * `column = value` of UPDATE and ON DUPLICATE KEY UPDATE. Columns with ON UPDATE CURRENT_TIMESTAMP that are not assigned
 * get the time too.
 *
 * @throws COLUMN_UNKNOWN, SHARD_KEY_UPDATE
 */
export function planAssignments(
  binder: Binder,
  assignments: readonly Assignment[],
  table: TableDefinition,
  environment: ExpressionEnvironment,
): readonly PlannedAssignment[] {
  const planned = assignments.map(({ column: name, value }): PlannedAssignment => {
    const column = targetColumn(table, name.name);
    if (table.shardKey.some((key) => sameName(key, column.name))) {
      throw new MillraceError(
        'SHARD_KEY_UPDATE',
        `column '${column.name}' is part of the shard key and cannot be updated`,
      );
    }
    const bound = isDefault(value)
      ? defaultValue(column, binder.session)
      : bindExpression(binder, value, environment, bindQuery);
    return { column: column.name, expression: renderExpression(assignable(bound, column), targetScope) };
  });
  const touched = table.columns.filter(
    (column) =>
      column.onUpdateNow === true && !planned.some((assignment) => assignment.column === column.name),
  );
  return [
    ...planned,
    ...touched.map((column) => ({
      column: column.name,
      expression: renderExpression(currentTime(column, binder.session), targetScope),
    })),
  ];
}
