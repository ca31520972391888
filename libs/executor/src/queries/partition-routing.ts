import type { DatabaseDefinition, PartitionPlacement, TableDefinition } from '@millrace/catalog/definitions';
import { partitionOf } from '@millrace/engine/shard-hash';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { PartitionSet } from '@millrace/planner/plan';
import type { ScalarValue } from '@millrace/values/column-batch';
import { referenceOrdinal } from '../leaves/leaf-port.ts';

/** The partition map, as routing reads it. */
export interface PartitionMap {
  database(name: string): DatabaseDefinition | undefined;
  partitions(databaseName: string): readonly PartitionPlacement[];
}

/** The ordinals of a set of partitions on each leaf that holds some. */
export type LeafOrdinals = ReadonlyMap<string, readonly number[]>;

/**
 * Which leaves hold a set of partitions. For reference tables, which every leaf of the database holds, one leaf is taken
 * that `isOnline`. Throws DATABASE_UNKNOWN when the database has gone since planning.
 */
export function routePartitions(
  map: PartitionMap,
  databaseName: string,
  set: PartitionSet,
  isOnline: (leafId: string) => boolean,
): LeafOrdinals {
  const database = map.database(databaseName);
  if (database === undefined)
    throw new MillraceError('DATABASE_UNKNOWN', `unknown database '${databaseName}'`);
  const placements = map.partitions(databaseName);
  switch (set.kind) {
    case 'all':
      return byLeaf(placements);
    case 'keys': {
      const wanted = new Set(set.keys.map((key) => ordinalOfKey(set.table, key, database.partitionCount)));
      return byLeaf(placements.filter(({ ordinal }) => wanted.has(ordinal)));
    }
    case 'reference': {
      const leaf = placements.find(({ leafId }) => isOnline(leafId)) ?? placements[0];
      return leaf === undefined ? new Map() : new Map([[leaf.leafId, [referenceOrdinal]]]);
    }
    case 'none':
      return new Map();
  }
}

/** The partition that holds the rows of one shard key value. */
export function ordinalOfKey(
  table: TableDefinition,
  key: readonly ScalarValue[],
  partitionCount: number,
): number {
  const values = table.shardKey.map((name, index) => {
    const column = table.columns.find((each) => each.name === name);
    if (column === undefined) throw new Error(`shard key column ${name} is not in table ${table.name}`);
    return { type: column.type, value: key[index] ?? null };
  });
  return partitionOf(values, partitionCount);
}

function byLeaf(placements: readonly PartitionPlacement[]): LeafOrdinals {
  const leaves = new Map<string, number[]>();
  for (const { leafId, ordinal } of placements) {
    const ordinals = leaves.get(leafId);
    if (ordinals === undefined) leaves.set(leafId, [ordinal]);
    else ordinals.push(ordinal);
  }
  return leaves;
}
