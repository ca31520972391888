import type { DatabaseDefinition, PartitionPlacement, TableDefinition } from '@millrace/catalog/definitions';
import type { PartitionFile } from '@millrace/engine/parquet';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { InsertPlan, OnDuplicatePlan } from '@millrace/planner/plan';
import { type Leaves, referenceOrdinal } from '../leaves/leaf-port.ts';
import type { PartitionMap } from '../queries/partition-routing.ts';
import type { SelectRunner, ViewSource } from '../queries/select-runner.ts';
import type { Participant, TransactionCoordinator } from '../transactions/transaction-coordinator.ts';
import type { AutoIncrement } from './auto-increment.ts';
import { affectedRowsOf, type ChangeSettings, checkedAssignments, lockModeOfInsert } from './change-rows.ts';
import { beginWithSlices, type Delivery } from './stage-slices.ts';
import { type SplitRows, splitRows } from './staged-rows.ts';

export interface InsertRowsOptions {
  readonly map: PartitionMap;
  readonly leaves: Leaves;
  readonly runner: SelectRunner;
  readonly coordinator: TransactionCoordinator;
  readonly autoIncrement: AutoIncrement;
}

export interface InsertOutcome {
  readonly affectedRows: bigint;
  readonly rowCount: number;
  readonly skippedRows: bigint;
  readonly firstGenerated: bigint | undefined;
}

/** Runs INSERT and REPLACE: computes the rows, splits them by partition, stages the slices at the leaves and commits. */
export class InsertRows {
  readonly #options: InsertRowsOptions;
  #keylessTurn = 0;

  constructor(options: InsertRowsOptions) {
    this.#options = options;
  }

  async run(plan: InsertPlan, views: ViewSource, settings: ChangeSettings): Promise<InsertOutcome> {
    const { map, runner, autoIncrement } = this.#options;
    const database = map.database(plan.databaseName);
    if (database === undefined) {
      throw new MillraceError('DATABASE_UNKNOWN', `unknown database '${plan.databaseName}'`);
    }
    const { workspace, sql } = await runner.gather(plan.source, views, settings.signal);
    try {
      this.#keylessTurn += 1;
      const rows = await splitRows(workspace, sql, {
        table: plan.table,
        partitionCount: database.partitionCount,
        keylessOrdinal: this.#keylessTurn % database.partitionCount,
        autoIncrement,
        signal: settings.signal,
      });
      return await this.#write(plan, database, rows, settings);
    } finally {
      workspace.close();
    }
  }

  async #write(
    plan: InsertPlan,
    database: DatabaseDefinition,
    rows: SplitRows,
    { lockWaitMs, signal }: ChangeSettings,
  ): Promise<InsertOutcome> {
    const { rowCount, firstGenerated } = rows;
    if (rowCount === 0) return { affectedRows: 0n, rowCount, skippedRows: 0n, firstGenerated };
    const { coordinator, leaves, map } = this.#options;
    const { table, schemaVersion } = plan;
    const deliveries = deliveriesOf(rows.files, map.partitions(database.name));
    const order = { leaves, coordinator, databaseId: database.id, tableId: table.id, signal };
    const transactionId = await beginWithSlices(order, deliveries);
    const onDuplicate = checkedOnDuplicate(table, plan.onDuplicate);
    const participants: Participant[] = deliveries.map(({ leafId, ordinal, slice }) => ({
      leafId,
      databaseId: database.id,
      ordinal,
      operations: [{ kind: 'insert', tableId: table.id, slice, onDuplicate }],
    }));
    const mode = lockModeOfInsert(table);
    const locks = deliveries.map(({ ordinal }) => ({ tableId: table.id, ordinal, mode }));
    const { votes } = await coordinator.run({
      transactionId,
      schemaVersion,
      locks,
      participants,
      lockWaitMs,
      signal,
    });
    return {
      affectedRows: affectedRowsOf(table, votes),
      rowCount,
      skippedRows: table.reference
        ? (votes[0]?.skippedRows ?? 0n)
        : votes.reduce((sum, vote) => sum + vote.skippedRows, 0n),
      firstGenerated,
    };
  }
}

function checkedOnDuplicate(table: TableDefinition, plan: OnDuplicatePlan): OnDuplicatePlan {
  return plan.kind === 'update'
    ? { kind: 'update', assignments: checkedAssignments(table, plan.assignments) }
    : plan;
}

/** A reference table's slice goes to every leaf of the database, any other to the leaf of its partition. */
function deliveriesOf(
  files: readonly PartitionFile[],
  placements: readonly PartitionPlacement[],
): Delivery[] {
  return files.flatMap(({ partition, path }) => {
    if (partition === referenceOrdinal) {
      const leafIds = [...new Set(placements.map(({ leafId }) => leafId))];
      return leafIds.map((leafId) => ({ leafId, ordinal: referenceOrdinal, path, slice: 'copy' }));
    }
    const placement = placements.find(({ ordinal }) => ordinal === partition);
    if (placement === undefined) throw new Error(`no partition ${partition}`);
    return [{ leafId: placement.leafId, ordinal: partition, path, slice: `rows-${partition}` }];
  });
}
