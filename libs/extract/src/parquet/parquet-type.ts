import type { ThriftWriter } from './thrift-writer.ts';

/** `Type` of parquet.thrift. */
export const physicalType = { int32: 1, int64: 2, float: 4, double: 5, byteArray: 6 } as const;

export type PhysicalType = keyof typeof physicalType;

/** How a column is stored, with the annotation that makes DuckDB read it as the column's engine type. */
export type ParquetType =
  | { readonly kind: 'integer'; readonly bits: 8 | 16 | 32 | 64; readonly signed: boolean }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'float' | 'double' | 'text' | 'blob' | 'date' | 'timestamp' };

export function physicalTypeOf(type: ParquetType): PhysicalType {
  switch (type.kind) {
    case 'integer':
      return type.bits === 64 ? 'int64' : 'int32';
    case 'decimal':
      return type.precision > 9 ? 'int64' : 'int32';
    case 'float':
    case 'double':
      return type.kind;
    case 'text':
    case 'blob':
      return 'byteArray';
    case 'date':
      return 'int32';
    case 'timestamp':
      return 'int64';
  }
}

// `ConvertedType` of parquet.thrift; written beside the logical type for readers that know only this one.
const converted = { utf8: 0, decimal: 5, date: 6, timestampMicros: 10 } as const;
const convertedUnsigned = { 8: 11, 16: 12, 32: 13, 64: 14 } as const;
const convertedSigned = { 8: 15, 16: 16, 32: 17, 64: 18 } as const;

/** Writes the annotation fields of a `SchemaElement` (converted_type, scale, precision, logicalType). */
export function writeAnnotation(writer: ThriftWriter, type: ParquetType): void {
  const nothing = () => {};
  switch (type.kind) {
    case 'float':
    case 'double':
    case 'blob':
      return;
    case 'integer':
      writer.i32Field(6, (type.signed ? convertedSigned : convertedUnsigned)[type.bits]);
      writer.structField(10, () =>
        writer.structField(10, () => {
          writer.i8Field(1, type.bits);
          writer.boolField(2, type.signed);
        }),
      );
      return;
    case 'decimal':
      writer.i32Field(6, converted.decimal);
      writer.i32Field(7, type.scale);
      writer.i32Field(8, type.precision);
      writer.structField(10, () =>
        writer.structField(5, () => {
          writer.i32Field(1, type.scale);
          writer.i32Field(2, type.precision);
        }),
      );
      return;
    case 'text':
      writer.i32Field(6, converted.utf8);
      writer.structField(10, () => writer.structField(1, nothing));
      return;
    case 'date':
      writer.i32Field(6, converted.date);
      writer.structField(10, () => writer.structField(6, nothing));
      return;
    case 'timestamp':
      // Local time (not adjusted to UTC), in microseconds: DuckDB's TIMESTAMP. The old annotation would mean UTC.
      writer.structField(10, () =>
        writer.structField(8, () => {
          writer.boolField(1, false);
          writer.structField(2, () => writer.structField(2, nothing));
        }),
      );
      return;
  }
}
