import { MillraceError } from '@millrace/errors/millrace-error';
import {
  type PartitionId as ProtoPartitionId,
  TableKind as ProtoTableKind,
  type TableSchema,
} from '@millrace/proto/millrace/common/v1/schema';
import {
  type PrepareRequest,
  Decision as ProtoDecision,
  OnDuplicate as ProtoOnDuplicate,
  type Operation as ProtoOperation,
  type QueryRequest,
  type QueryResponse,
} from '@millrace/proto/millrace/leaf/v1/leaf';
import { engineBatchToProto, typeFromProto } from '@millrace/rpc/values';
import type { QueryFragment } from '../leaf.ts';
import type { EngineRows } from '../queries/overflow.ts';
import type { PartitionId, TableDefinition, TableKind } from '../schema/table-definition.ts';
import type { OnDuplicate, Operation, RedoRecord } from '../transactions/operation.ts';
import type { Decision } from '../transactions/participants.ts';

/** Protobuf messages of the leaf service to the types of this library. A field that is missing throws INTERNAL. */

function missing(field: string): MillraceError {
  return new MillraceError('INTERNAL', `request without ${field}`);
}

export function partitionFromProto(partition: ProtoPartitionId | undefined): PartitionId {
  if (partition === undefined) throw missing('partition');
  return { databaseId: partition.databaseId, ordinal: partition.ordinal };
}

const tableKinds: Partial<Record<ProtoTableKind, TableKind>> = {
  [ProtoTableKind.ROWSTORE]: 'rowstore',
  [ProtoTableKind.COLUMNSTORE]: 'columnstore',
};

export function tableFromProto(table: TableSchema): TableDefinition {
  const kind = tableKinds[table.kind];
  if (kind === undefined) throw missing('table kind');
  const { tableId, name, reference, uniqueKeys, indexes, shardKey } = table;
  const columns = table.columns.map((column) => ({
    name: column.name,
    type: typeFromProto(column.type),
    nullable: column.nullable,
  }));
  const sortKey = table.sortKey.map((column) => ({
    column,
    descending: table.sortDescending.includes(column),
  }));
  return { tableId, name, kind, reference, columns, uniqueKeys, indexes, shardKey, sortKey };
}

const onDuplicates: Partial<Record<ProtoOnDuplicate, OnDuplicate>> = {
  [ProtoOnDuplicate.UNSPECIFIED]: 'error',
  [ProtoOnDuplicate.ERROR]: 'error',
  [ProtoOnDuplicate.SKIP]: 'skip',
  [ProtoOnDuplicate.REPLACE]: 'replace',
  [ProtoOnDuplicate.UPDATE]: 'update',
};

function operationFromProto({ operation }: ProtoOperation): Operation {
  switch (operation?.$case) {
    case 'insert': {
      const { tableId, slice, assignments } = operation.insert;
      const onDuplicate = onDuplicates[operation.insert.onDuplicate];
      if (onDuplicate === undefined) throw missing('duplicate policy');
      return { kind: 'insert', tableId, slice, onDuplicate, assignments };
    }
    case 'update':
      return { kind: 'update', ...operation.update };
    case 'delete':
      return { kind: 'delete', ...operation.delete };
    case 'truncate':
      return { kind: 'truncate', ...operation.truncate };
    case undefined:
      throw missing('operation');
  }
}

export function redoRecordFromProto(request: PrepareRequest): RedoRecord {
  return {
    transactionId: request.transactionId,
    partition: partitionFromProto(request.partition),
    schemaVersion: request.schemaVersion,
    operations: request.operations.map(operationFromProto),
  };
}

export function decisionFromProto(decision: ProtoDecision): Decision {
  if (decision === ProtoDecision.COMMIT) return 'commit';
  if (decision === ProtoDecision.ABORT) return 'abort';
  throw missing('decision');
}

export function fragmentFromProto({ databaseId, schemaVersion, ordinals, sql }: QueryRequest): QueryFragment {
  const parts = sql.map(({ part, segmentFilter: filter }) => {
    if (part === undefined) throw missing('fragment part');
    return part.$case === 'text'
      ? { kind: 'text' as const, text: part.text }
      : { kind: 'table' as const, tableId: part.tableId, ...(filter === undefined ? {} : { filter }) };
  });
  return { databaseId, schemaVersion, ordinals, parts };
}

export function engineRowsToProto(rows: EngineRows): QueryResponse {
  return rows.kind === 'parquet'
    ? { part: { $case: 'parquet', parquet: rows.bytes } }
    : { part: { $case: 'engineBatch', engineBatch: engineBatchToProto(rows.batch) } };
}
