import { MillraceError } from '@millrace/errors/millrace-error';
import type {
  ColumnBatch as ProtoBatch,
  ResultColumn as ProtoColumn,
  EngineBatch as ProtoEngineBatch,
  SqlType as ProtoType,
  Value as ProtoValue,
  ColumnVector as ProtoVector,
} from '@millrace/proto/millrace/common/v1/values';
import type { ColumnBatch, ColumnVector, ResultColumn, ScalarValue } from '@millrace/values/column-batch';
import type { EngineBatch } from '@millrace/values/engine-batch';
import type { SqlType, SqlTypeKind } from '@millrace/values/sql-type';

/** Conversions between the value types of the engine layers and their protobuf forms, both ways. */

export function typeToProto(type: SqlType): ProtoType {
  return {
    kind: type.kind,
    unsigned: 'unsigned' in type && type.unsigned,
    length: 'length' in type ? type.length : 0,
    precision: 'precision' in type ? type.precision : 0,
    scale: 'scale' in type ? type.scale : 0,
    fraction: 'fraction' in type ? type.fraction : 0,
  };
}

type TypeReader = (kind: never, type: ProtoType) => SqlType;

const plain: TypeReader = (kind) => ({ kind });
const integer: TypeReader = (kind, type) => ({ kind, unsigned: type.unsigned });
const sized: TypeReader = (kind, type) => ({ kind, length: type.length });
const timed: TypeReader = (kind, type) => ({ kind, fraction: type.fraction === 6 ? 6 : 0 });

const typeReaders: Record<SqlTypeKind, TypeReader> = {
  bool: plain,
  tinyint: integer,
  smallint: integer,
  mediumint: integer,
  int: integer,
  bigint: integer,
  float: plain,
  double: plain,
  decimal: (kind, type) => ({ kind, precision: type.precision, scale: type.scale }),
  char: sized,
  varchar: sized,
  tinytext: plain,
  text: plain,
  mediumtext: plain,
  longtext: plain,
  binary: sized,
  varbinary: sized,
  tinyblob: plain,
  blob: plain,
  mediumblob: plain,
  longblob: plain,
  date: plain,
  time: timed,
  datetime: timed,
  timestamp: timed,
  json: plain,
  null: plain,
};

/** Throws INTERNAL for a type this version does not know (a newer peer). */
export function typeFromProto(type: ProtoType | undefined): SqlType {
  if (type === undefined || !Object.hasOwn(typeReaders, type.kind)) {
    throw new MillraceError('INTERNAL', `unknown SQL type "${type?.kind ?? ''}" from a peer`);
  }
  // The table above ties each kind to the reader for its own shape.
  return typeReaders[type.kind as SqlTypeKind](type.kind as never, type);
}

export function columnToProto(column: ResultColumn): ProtoColumn {
  return {
    name: column.name,
    type: typeToProto(column.type),
    nullable: column.nullable,
    originDatabase: column.origin?.database ?? '',
    originTable: column.origin?.table ?? '',
    originColumn: column.origin?.column ?? '',
  };
}

function vectorToProto(vector: ColumnVector): ProtoVector {
  const nulls = Buffer.from(vector.nulls ?? []);
  switch (vector.kind) {
    case 'int64':
      return { nulls, values: { $case: 'int64s', int64s: { values: Array.from(vector.values) } } };
    case 'uint64':
      return { nulls, values: { $case: 'uint64s', uint64s: { values: Array.from(vector.values) } } };
    case 'double':
      return { nulls, values: { $case: 'doubles', doubles: { values: Array.from(vector.values) } } };
    case 'text':
      return { nulls, values: { $case: 'texts', texts: { values: [...vector.values] } } };
    case 'blob':
      return {
        nulls,
        values: { $case: 'blobs', blobs: { values: vector.values.map((blob) => Buffer.from(blob)) } },
      };
  }
}

function vectorFromProto(vector: ProtoVector, rowCount: number): ColumnVector {
  const mask = vector.nulls.length === 0 ? {} : { nulls: new Uint8Array(vector.nulls) };
  const decoded = valuesFromProto(vector, mask);
  if (
    decoded.values.length !== rowCount ||
    (decoded.nulls !== undefined && decoded.nulls.length !== rowCount)
  ) {
    throw new MillraceError(
      'INTERNAL',
      `a column of ${decoded.values.length} values in a batch of ${rowCount} rows`,
    );
  }
  return decoded;
}

function valuesFromProto(vector: ProtoVector, mask: { nulls?: Uint8Array }): ColumnVector {
  const { values } = vector;
  switch (values?.$case) {
    case 'int64s':
      return { kind: 'int64', values: BigInt64Array.from(values.int64s.values), ...mask };
    case 'uint64s':
      return { kind: 'uint64', values: BigUint64Array.from(values.uint64s.values), ...mask };
    case 'doubles':
      return { kind: 'double', values: Float64Array.from(values.doubles.values), ...mask };
    case 'texts':
      return { kind: 'text', values: values.texts.values, ...mask };
    case 'blobs':
      return { kind: 'blob', values: values.blobs.values, ...mask };
    case undefined:
      throw new MillraceError('INTERNAL', 'a column without values from a peer');
  }
}

export function batchToProto(batch: ColumnBatch): ProtoBatch {
  return { rowCount: batch.rowCount, columns: batch.columns.map(vectorToProto) };
}

/** Throws INTERNAL when a column does not have as many values as the batch has rows. */
export function batchFromProto(batch: ProtoBatch): ColumnBatch {
  return {
    rowCount: batch.rowCount,
    columns: batch.columns.map((vector) => vectorFromProto(vector, batch.rowCount)),
  };
}

/** The bytes are shared, not copied. */
export function engineBatchToProto({ rowCount, columns }: EngineBatch): ProtoEngineBatch {
  return {
    rowCount,
    columns: columns.map(({ type, validity, data, lengths }) => ({
      type,
      validity: bufferOf(validity),
      data: bufferOf(data),
      lengths: bufferOf(lengths),
    })),
  };
}

/** The bytes are shared, not copied. Sizes are checked where the batch is read. */
export function engineBatchFromProto(batch: ProtoEngineBatch): EngineBatch {
  return batch;
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function valueToProto(value: ScalarValue): ProtoValue {
  if (value === null) return { value: undefined };
  if (typeof value === 'number') return { value: { $case: 'double', double: value } };
  if (typeof value === 'string') return { value: { $case: 'text', text: value } };
  if (value instanceof Uint8Array) return { value: { $case: 'blob', blob: Buffer.from(value) } };
  return value > 0x7fffffffffffffffn
    ? { value: { $case: 'uint64', uint64: value } }
    : { value: { $case: 'int64', int64: value } };
}

export function valueFromProto({ value }: ProtoValue): ScalarValue {
  switch (value?.$case) {
    case 'int64':
      return value.int64;
    case 'uint64':
      return value.uint64;
    case 'double':
      return value.double;
    case 'text':
      return value.text;
    case 'blob':
      return value.blob;
    case undefined:
      return null;
  }
}
