import type { TableDefinition } from '@millrace/catalog/definitions';
import { checkedValueExpression } from '@millrace/engine/duckdb-type';
import type { DeletePlan, PartitionSet, PlannedAssignment, UpdatePlan } from '@millrace/planner/plan';
import { type PrepareVote, type RowOperation, referenceOrdinal } from '../leaves/leaf-port.ts';
import { type PartitionMap, routePartitions } from '../queries/partition-routing.ts';
import type { LockMode } from '../transactions/lock-table.ts';
import type { Participant, TransactionCoordinator } from '../transactions/transaction-coordinator.ts';

export interface ChangeSettings {
  readonly lockWaitMs: number;
  readonly signal: AbortSignal;
}

/** Rows of one table that a statement changes in place. */
export interface RowChange {
  readonly databaseId: bigint;
  readonly databaseName: string;
  readonly schemaVersion: bigint;
  readonly table: TableDefinition;
  readonly partitions: PartitionSet;
  readonly operation: RowOperation;
}

export function changeOfUpdate(plan: UpdatePlan): RowChange {
  const { table, predicate } = plan;
  const assignments = checkedAssignments(table, plan.assignments);
  return { ...plan, operation: { kind: 'update', tableId: table.id, assignments, predicate } };
}

/** Assignments that convert to the column's type and check range, length and NULL as inserts do. */
export function checkedAssignments(
  table: TableDefinition,
  assignments: readonly PlannedAssignment[],
): readonly PlannedAssignment[] {
  return assignments.map(({ column: name, expression }) => {
    const column = table.columns.find((each) => each.name === name);
    if (column === undefined) throw new Error(`column ${name} is not in table ${table.name}`);
    // The check repeats its operand, so that is computed once, as the parameter of a lambda.
    const checked = checkedValueExpression(column, 'v');
    return { column: name, expression: `(list_transform([${expression}], lambda v: ${checked}))[1]` };
  });
}

export function changeOfDelete(plan: DeletePlan): RowChange {
  return { ...plan, operation: { kind: 'delete', tableId: plan.table.id, predicate: plan.predicate } };
}

/** Runs UPDATE, DELETE and TRUNCATE where the rows are; returns the rows affected. */
export async function changeRows(
  change: RowChange,
  { map, coordinator }: { readonly map: PartitionMap; readonly coordinator: TransactionCoordinator },
  { lockWaitMs, signal }: ChangeSettings,
): Promise<bigint> {
  const { table, databaseId, schemaVersion, operation } = change;
  const participants = placesOf(change, map).map((place): Participant => {
    return { ...place, databaseId, operations: [operation] };
  });
  if (participants.length === 0) return 0n;
  const locks = exclusiveLocks(table, participants);
  const { votes } = await coordinator.run({ schemaVersion, locks, participants, lockWaitMs, signal });
  return affectedRowsOf(table, votes);
}

/** The partitions a change concerns, and the leaves that hold them. */
export function placesOf(
  { table, databaseName, partitions }: Omit<RowChange, 'operation'>,
  map: PartitionMap,
): readonly { readonly leafId: string; readonly ordinal: number }[] {
  if (table.reference && partitions.kind === 'none') return [];
  const placed = table.reference
    ? new Map(map.partitions(databaseName).map(({ leafId }) => [leafId, [referenceOrdinal]]))
    : routePartitions(map, databaseName, partitions, () => true);
  return [...placed].flatMap(([leafId, ordinals]) => ordinals.map((ordinal) => ({ leafId, ordinal })));
}

export function exclusiveLocks(table: TableDefinition, places: readonly { readonly ordinal: number }[]) {
  return places.map(({ ordinal }) => ({ tableId: table.id, ordinal, mode: 'exclusive' as const }));
}

/** Every copy of a reference table counts the same rows. */
export function affectedRowsOf(table: TableDefinition, votes: readonly PrepareVote[]): bigint {
  if (table.reference) return votes[0]?.affectedRows ?? 0n;
  return votes.reduce((sum, vote) => sum + vote.affectedRows, 0n);
}

/** Inserts without unique keys cannot conflict with each other. */
export function lockModeOfInsert(table: TableDefinition): LockMode {
  return table.keys.some(({ kind }) => kind !== 'index') ? 'exclusive' : 'shared';
}
