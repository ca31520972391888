import { join } from 'node:path';
import type { TableDefinition } from '@millrace/catalog/definitions';
import { type PartitionFile, writeParquet, writePartitionedParquet } from '@millrace/engine/parquet';
import { partitionExpression } from '@millrace/engine/shard-hash';
import { quoteIdentifier } from '@millrace/engine/sql-text';
import type { ChangeLookup } from '@millrace/planner/plan';
import type { Leaves, RowOperation } from '../leaves/leaf-port.ts';
import type { MergeWorkspace } from '../queries/merge-engine.ts';
import type { PartitionMap } from '../queries/partition-routing.ts';
import type { SelectRunner, ViewSource } from '../queries/select-runner.ts';
import type { Participant, TransactionCoordinator } from '../transactions/transaction-coordinator.ts';
import {
  affectedRowsOf,
  type ChangeSettings,
  changeRows,
  exclusiveLocks,
  placesOf,
  type RowChange,
} from './change-rows.ts';
import { beginWithSlices, type Delivery } from './stage-slices.ts';

export interface LookedUpRowsParts {
  readonly map: PartitionMap;
  readonly leaves: Leaves;
  readonly runner: SelectRunner;
  readonly coordinator: TransactionCoordinator;
  readonly views: ViewSource;
}

const ordinalColumn = 'millrace partition';

/** Runs an UPDATE or DELETE, after the query that finds what it needs of other tables; returns the rows affected. */
export async function changeLookedUpRows(
  change: RowChange,
  lookup: ChangeLookup | undefined,
  parts: LookedUpRowsParts,
  settings: ChangeSettings,
): Promise<bigint> {
  if (lookup === undefined) return changeRows(change, parts, settings);
  const { workspace, sql } = await parts.runner.gather(lookup.plan, parts.views, settings.signal);
  try {
    await workspace.addTable('lookup', oneOfEachKey(lookup, sql), settings.signal);
    const deliveries = await slicesOf(workspace, lookup, change, parts, settings.signal);
    return await changeWithSlices(change, deliveries, parts, settings);
  } finally {
    workspace.close();
  }
}

/** Rows that agree in their keys are matches of the same row with several of another table: any of them will do. */
function oneOfEachKey({ keys }: ChangeLookup, sql: string): string {
  const names = keys.map(({ name }) => quoteIdentifier(name)).join(', ');
  return names === ''
    ? `SELECT * FROM (${sql}) AS found LIMIT 1`
    : `SELECT DISTINCT ON (${names}) * FROM (${sql}) AS found`;
}

/** The rows for each partition: those of its shard keys where the keys say so, else all of them; none when there are none. */
async function slicesOf(
  workspace: MergeWorkspace,
  lookup: ChangeLookup,
  change: RowChange,
  { map }: LookedUpRowsParts,
  signal: AbortSignal,
): Promise<readonly Delivery[]> {
  const places = placesOf(change, map);
  const directory = await workspace.directory();
  const key = shardKeyIn(change.table, lookup);
  if (key === undefined) {
    const path = join(directory, 'lookup.parquet');
    const rows = await writeParquet(workspace.connection, 'SELECT * FROM lookup', path, { signal });
    return Number(rows) === 0 ? [] : places.map((place) => ({ ...place, path, slice: sliceName(place) }));
  }
  const count = map.partitions(change.databaseName).length;
  const query = `SELECT *, ${partitionExpression(key, count)} AS ${quoteIdentifier(ordinalColumn)} FROM lookup`;
  const files: readonly PartitionFile[] = await writePartitionedParquet(
    workspace.connection,
    query,
    join(directory, 'lookup'),
    ordinalColumn,
    { signal },
  );
  return places.flatMap((place) => {
    const file = files.find(({ partition }) => partition === place.ordinal);
    return file === undefined ? [] : [{ ...place, path: file.path, slice: sliceName(place) }];
  });
}

/** A leaf may hold several of the partitions. */
function sliceName({ ordinal }: { readonly ordinal: number }): string {
  return `lookup-${ordinal}`;
}

function shardKeyIn(table: TableDefinition, { keys }: ChangeLookup) {
  if (table.reference || table.shardKey.length === 0) return undefined;
  const columns = table.shardKey.flatMap((name) => {
    const key = keys.find(({ column }) => column === name);
    const type = table.columns.find((column) => column.name === name)?.type;
    return key === undefined || type === undefined ? [] : [{ type, expression: quoteIdentifier(key.name) }];
  });
  return columns.length === table.shardKey.length ? columns : undefined;
}

async function changeWithSlices(
  { table, databaseId, schemaVersion, operation }: RowChange,
  deliveries: readonly Delivery[],
  { coordinator, leaves }: LookedUpRowsParts,
  { lockWaitMs, signal }: ChangeSettings,
): Promise<bigint> {
  if (deliveries.length === 0) return 0n;
  const order = { leaves, coordinator, databaseId, tableId: table.id, signal };
  const transactionId = await beginWithSlices(order, deliveries);
  const participants = deliveries.map(({ leafId, ordinal, slice }): Participant => {
    const looked = { ...operation, lookupSlice: slice } as RowOperation;
    return { leafId, databaseId, ordinal, operations: [looked] };
  });
  const locks = exclusiveLocks(table, participants);
  const { votes } = await coordinator.run({
    transactionId,
    schemaVersion,
    locks,
    participants,
    lockWaitMs,
    signal,
  });
  return affectedRowsOf(table, votes);
}
