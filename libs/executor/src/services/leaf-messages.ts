import type { OnDuplicatePlan, SqlPart } from '@millrace/planner/plan';
import {
  type ApplySchemaRequest,
  type InsertSlice,
  OnDuplicate,
  type Operation,
  type PrepareRequest,
  type SqlPart as ProtoSqlPart,
  type QueryRequest,
  ResultFormat,
} from '@millrace/proto/millrace/leaf/v1/leaf';
import { tableToProto } from '@millrace/rpc/schema';
import { typeToProto } from '@millrace/rpc/values';
import type { SqlType } from '@millrace/values/sql-type';
import type { LeafQuery, LeafSchema, PrepareOrder, RowOperation } from '../leaves/leaf-port.ts';

/** The executor's orders to a leaf as protobuf messages. */

export function schemaToProto(schema: LeafSchema): ApplySchemaRequest {
  return { ...schema, ordinals: [...schema.ordinals], tables: schema.tables.map(tableToProto) };
}

export function prepareToProto(order: PrepareOrder): PrepareRequest {
  const { databaseId, ordinal, operations, ...rest } = order;
  return { ...rest, partition: { databaseId, ordinal }, operations: operations.map(operationToProto) };
}

function operationToProto(operation: RowOperation): Operation {
  const { tableId } = operation;
  switch (operation.kind) {
    case 'insert': {
      const { slice, onDuplicate } = operation;
      return {
        operation: { $case: 'insert', insert: { tableId, slice, ...onDuplicateToProto(onDuplicate) } },
      };
    }
    case 'update': {
      const { predicate, lookupSlice } = operation;
      const update = { tableId, assignments: [...operation.assignments], predicate, lookupSlice };
      return { operation: { $case: 'update', update } };
    }
    case 'delete': {
      const { predicate, lookupSlice } = operation;
      return { operation: { $case: 'delete', delete: { tableId, predicate, lookupSlice } } };
    }
    case 'truncate':
      return { operation: { $case: 'truncate', truncate: { tableId } } };
  }
}

const onDuplicates = {
  error: OnDuplicate.ERROR,
  skip: OnDuplicate.SKIP,
  replace: OnDuplicate.REPLACE,
  update: OnDuplicate.UPDATE,
} as const satisfies Record<OnDuplicatePlan['kind'], OnDuplicate>;

function onDuplicateToProto(plan: OnDuplicatePlan): Pick<InsertSlice, 'onDuplicate' | 'assignments'> {
  return {
    onDuplicate: onDuplicates[plan.kind],
    assignments: plan.kind === 'update' ? [...plan.assignments] : [],
  };
}

/** `types` asks for typed batches; without it the answer is for another engine. */
export function queryToProto(query: LeafQuery, types: readonly SqlType[] | undefined): QueryRequest {
  return {
    databaseId: query.databaseId,
    schemaVersion: query.schemaVersion,
    ordinals: [...query.ordinals],
    sql: query.sql.map(sqlPartToProto),
    format: types === undefined ? ResultFormat.ENGINE : ResultFormat.BATCHES,
    types: types?.map(typeToProto) ?? [],
    batchRows: 0,
  };
}

function sqlPartToProto(part: SqlPart): ProtoSqlPart {
  return part.kind === 'text'
    ? { part: { $case: 'text', text: part.text }, segmentFilter: undefined }
    : {
        part: { $case: 'tableId', tableId: part.table.id },
        segmentFilter: part.filter && { ...part.filter, columns: [...part.filter.columns] },
      };
}
