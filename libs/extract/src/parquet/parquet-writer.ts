import { crc32 } from 'node:zlib';
import { BytesBuilder, ColumnDictionary } from './bytes-builder.ts';
import {
  type ColumnBuilder,
  type EncodedColumn,
  encoding,
  FloatBuilder,
  Int32Builder,
  Int64Builder,
} from './column-builder.ts';
import { type ParquetType, physicalType, physicalTypeOf, writeAnnotation } from './parquet-type.ts';
import { ThriftWriter } from './thrift-writer.ts';

export interface ParquetColumn {
  readonly name: string;
  readonly type: ParquetType;
}

const magic = Buffer.from('PAR1');
const pageData = 0;
const pageDictionary = 2;
const repetitionOptional = 1;

interface ColumnChunk {
  readonly dictionaryOffset: number | undefined;
  readonly dataOffset: number;
  readonly bytes: number;
  readonly encoded: Omit<EncodedColumn, 'data' | 'dictionary'>;
}

interface RowGroup {
  readonly rows: number;
  readonly chunks: readonly ColumnChunk[];
}

/**
 * Writes one Parquet file as a sequence of buffers (parquet-format 2.x, data pages v1, uncompressed, every column
 * optional). Values go to `columns` row by row; {@link finishRowGroup} turns them into bytes and {@link finish} adds the
 * footer, so a file of any length needs the memory of one row group.
 */
export class ParquetWriter {
  readonly #schema: readonly ParquetColumn[];
  readonly columns: readonly ColumnBuilder[];
  /** Rows of the file, those of the open row group included. */
  rows = 0;
  /** Bytes handed out so far and their CRC-32. */
  bytesWritten = 0;
  crc = 0;
  #rowsFinished = 0;
  readonly #groups: RowGroup[] = [];
  #pending: Buffer[] = [magic];

  /** `dictionaries` are those of the columns, to be shared with other writers of the same columns. */
  constructor(schema: readonly ParquetColumn[], dictionaries = columnDictionaries(schema)) {
    this.#schema = schema;
    this.columns = schema.map(({ type }, column) =>
      createBuilder(type, dictionaries[column] ?? new ColumnDictionary()),
    );
    this.bytesWritten = magic.length;
  }

  /** Rows of the row group that is being filled. */
  get rowsOpen(): number {
    return this.rows - this.#rowsFinished;
  }

  /** Approximate bytes of the row group that is being filled. */
  get bytesOpen(): number {
    let bytes = 0;
    for (const column of this.columns) bytes += column.bytes;
    return bytes;
  }

  /** Encodes the open row group and returns the bytes that follow those returned before. */
  finishRowGroup(): Buffer[] {
    const rows = this.rowsOpen;
    if (rows > 0) {
      const chunks = this.columns.map((column) => this.#writeChunk(column.finish(), rows));
      this.#groups.push({ rows, chunks });
      this.#rowsFinished = this.rows;
    }
    return this.#take();
  }

  /** Ends the file: the last row group and the footer. */
  finish(): Buffer[] {
    const parts = this.finishRowGroup();
    const footer = Buffer.from(this.#footer());
    const tail = Buffer.allocUnsafe(8);
    tail.writeUInt32LE(footer.length);
    magic.copy(tail, 4);
    this.#push(footer);
    this.#push(tail);
    return [...parts, ...this.#take()];
  }

  #push(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#pending.push(bytes);
    this.bytesWritten += bytes.length;
  }

  #take(): Buffer[] {
    const parts = this.#pending;
    this.#pending = [];
    for (const part of parts) this.crc = crc32(part, this.crc);
    return parts;
  }

  #writeChunk(encoded: EncodedColumn, rows: number): ColumnChunk {
    const start = this.bytesWritten;
    const { dictionary, data, ...statistics } = encoded;
    if (dictionary !== undefined) {
      this.#push(dictionaryHeader(dictionary.bytes.length, dictionary.count));
      this.#push(dictionary.bytes);
    }
    const dataOffset = this.bytesWritten;
    const bytes = data.reduce((sum, part) => sum + part.length, 0);
    this.#push(dataHeader(bytes, rows, dictionary === undefined ? encoding.plain : encoding.rleDictionary));
    for (const part of data) this.#push(part);
    return {
      dictionaryOffset: dictionary === undefined ? undefined : start,
      dataOffset,
      bytes: this.bytesWritten - start,
      encoded: statistics,
    };
  }

  /** `FileMetaData` of parquet.thrift. */
  #footer(): Buffer {
    const writer = new ThriftWriter();
    writer.beginStruct();
    writer.i32Field(1, 1);
    writer.listField(2, 'struct', this.#schema.length + 1);
    writer.beginStruct();
    writer.binaryField(4, Buffer.from('rows'));
    writer.i32Field(5, this.#schema.length);
    writer.endStruct();
    for (const { name, type } of this.#schema) {
      writer.beginStruct();
      writer.i32Field(1, physicalType[physicalTypeOf(type)]);
      writer.i32Field(3, repetitionOptional);
      writer.binaryField(4, Buffer.from(name));
      writeAnnotation(writer, type);
      writer.endStruct();
    }
    writer.i64Field(3, this.rows);
    writer.listField(4, 'struct', this.#groups.length);
    for (const group of this.#groups) this.#writeRowGroup(writer, group);
    writer.binaryField(6, Buffer.from('millrace'));
    // Column orders: without them readers must not trust min_value and max_value.
    writer.listField(7, 'struct', this.#schema.length);
    for (let column = 0; column < this.#schema.length; column += 1) {
      writer.beginStruct();
      writer.structField(1, () => {});
      writer.endStruct();
    }
    writer.endStruct();
    return writer.bytes();
  }

  #writeRowGroup(writer: ThriftWriter, group: RowGroup): void {
    writer.beginStruct();
    writer.listField(1, 'struct', group.chunks.length);
    for (const [index, chunk] of group.chunks.entries()) {
      const column = this.#schema[index];
      if (column === undefined) throw new RangeError(`column ${index}`);
      writer.beginStruct();
      writer.i64Field(2, chunk.dictionaryOffset ?? chunk.dataOffset);
      writer.structField(3, () => writeColumnMetadata(writer, column, chunk, group.rows));
      writer.endStruct();
    }
    writer.i64Field(
      2,
      group.chunks.reduce((sum, { bytes }) => sum + bytes, 0),
    );
    writer.i64Field(3, group.rows);
    writer.endStruct();
  }
}

/** New dictionaries for the columns of a schema. */
export function columnDictionaries(schema: readonly ParquetColumn[]): ColumnDictionary[] {
  return schema.map(() => new ColumnDictionary());
}

function createBuilder(type: ParquetType, dictionary: ColumnDictionary): ColumnBuilder {
  switch (physicalTypeOf(type)) {
    case 'int32':
      return new Int32Builder(type.kind === 'integer' && !type.signed);
    case 'int64':
      return new Int64Builder(type.kind === 'integer' && !type.signed);
    case 'float':
      return new FloatBuilder(4);
    case 'double':
      return new FloatBuilder(8);
    case 'byteArray':
      return new BytesBuilder(dictionary);
  }
}

function dictionaryHeader(bytes: number, count: number): Buffer {
  const writer = new ThriftWriter();
  writer.beginStruct();
  writer.i32Field(1, pageDictionary);
  writer.i32Field(2, bytes);
  writer.i32Field(3, bytes);
  writer.structField(7, () => {
    writer.i32Field(1, count);
    writer.i32Field(2, encoding.plain);
  });
  writer.endStruct();
  return Buffer.from(writer.bytes());
}

function dataHeader(bytes: number, rows: number, valueEncoding: number): Buffer {
  const writer = new ThriftWriter();
  writer.beginStruct();
  writer.i32Field(1, pageData);
  writer.i32Field(2, bytes);
  writer.i32Field(3, bytes);
  writer.structField(5, () => {
    writer.i32Field(1, rows);
    writer.i32Field(2, valueEncoding);
    writer.i32Field(3, encoding.rle);
    writer.i32Field(4, encoding.rle);
  });
  writer.endStruct();
  return Buffer.from(writer.bytes());
}

/** `ColumnMetaData` of parquet.thrift. */
function writeColumnMetadata(
  writer: ThriftWriter,
  column: ParquetColumn,
  chunk: ColumnChunk,
  rows: number,
): void {
  const { dictionaryOffset, encoded } = chunk;
  const encodings =
    dictionaryOffset === undefined
      ? [encoding.plain, encoding.rle]
      : [encoding.plain, encoding.rle, encoding.rleDictionary];
  writer.i32Field(1, physicalType[physicalTypeOf(column.type)]);
  writer.listField(2, 'i32', encodings.length);
  for (const value of encodings) writer.i32(value);
  writer.listField(3, 'binary', 1);
  writer.binary(Buffer.from(column.name));
  writer.i32Field(4, 0);
  writer.i64Field(5, rows);
  writer.i64Field(6, chunk.bytes);
  writer.i64Field(7, chunk.bytes);
  writer.i64Field(9, chunk.dataOffset);
  if (dictionaryOffset !== undefined) writer.i64Field(11, dictionaryOffset);
  writer.structField(12, () => {
    writer.i64Field(3, encoded.nullCount);
    if (encoded.max !== undefined) writer.binaryField(5, encoded.max);
    if (encoded.min !== undefined) writer.binaryField(6, encoded.min);
  });
}
