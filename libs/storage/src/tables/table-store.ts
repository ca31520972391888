import { quoteIdentifier, quoteQualifiedName } from '@millrace/engine/sql-text';
import type { LockMode } from '../partitions/table-locks.ts';
import type { PartitionId, TableDefinition } from '../schema/table-definition.ts';
import type {
  DeleteOperation,
  InsertOperation,
  Operation,
  RowCounts,
  UpdateOperation,
} from '../transactions/operation.ts';
import type { WriteTransaction } from './write-transaction.ts';

/** The rows of one table in one partition, whatever the kind of table. */
export interface TableStore {
  readonly definition: TableDefinition;
  /** The lock an operation needs: `shared` when it cannot conflict with others of the same mode. */
  lockModeOf(operation: Operation): LockMode;
  insert(transaction: WriteTransaction, operation: InsertOperation): Promise<RowCounts>;
  update(transaction: WriteTransaction, operation: UpdateOperation): Promise<RowCounts>;
  delete(transaction: WriteTransaction, operation: DeleteOperation): Promise<RowCounts>;
  truncate(transaction: WriteTransaction): Promise<RowCounts>;
}

/** The name under which a partition's file is attached. */
export function partitionAlias({ databaseId, ordinal }: PartitionId): string {
  return ordinal < 0 ? `p_${databaseId}_reference` : `p_${databaseId}_${ordinal}`;
}

/** The engine table of a table: named by id, so that a recreated table of the same name is another one. */
export function engineTableName(alias: string, tableId: bigint): string {
  return quoteQualifiedName(alias, 'main', `t_${tableId}`);
}

/** The columns of a table as a select list, optionally qualified. */
export function columnList(definition: TableDefinition, qualifier?: string): string {
  const prefix = qualifier === undefined ? '' : `${qualifier}.`;
  return definition.columns.map(({ name }) => prefix + quoteIdentifier(name)).join(', ');
}

/** A predicate that holds for the rows to change; an empty predicate means all rows. */
export function matches(predicate: string): string {
  return predicate === '' ? 'true' : `coalesce((${predicate}), false)`;
}

/** Whether two row sources agree on all columns of a key. NULL agrees with nothing. */
export function keysEqual(columns: readonly string[], left: string, right: string): string {
  return columns
    .map((name) => `${left}.${quoteIdentifier(name)} = ${right}.${quoteIdentifier(name)}`)
    .join(' AND ');
}
