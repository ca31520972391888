import type { ColumnBatch, ResultColumn } from '@millrace/values/column-batch';
import { type BoundColumn, bindColumns, lowWord } from './column-cells.ts';
import type { PacketWriter } from './packet-writer.ts';
import { writeBinaryDateTime, writeBinaryTime } from './temporal.ts';
import type { RowEncoder } from './text-row.ts';

const rowMarker = 0x00;
/** The NULL bitmap of a row starts with two reserved bits. */
const bitmapOffset = 2;

/** An encoder for one batch in the binary protocol of prepared statements (ProtocolBinary::ResultsetRow). */
export function binaryRowEncoder(columns: readonly ResultColumn[], batch: ColumnBatch): RowEncoder {
  const bound = bindColumns(columns, batch);
  const bitmapBytes = (columns.length + bitmapOffset + 7) >> 3;
  return (writer, rowStart, fillBytes) => {
    let row = rowStart;
    while (row < batch.rowCount && writer.position < fillBytes) {
      writer.startPacket();
      writer.u8(rowMarker);
      writeNullBitmap(writer, bound, row, bitmapBytes);
      for (const column of bound) {
        if (!isNull(column, row)) writeBinaryCell(writer, column, row);
      }
      writer.endPacket();
      row += 1;
    }
    return row;
  };
}

function isNull(column: BoundColumn, row: number): boolean {
  return (column.nulls !== undefined && column.nulls[row] === 1) || column.type.kind === 'null';
}

function writeNullBitmap(
  writer: PacketWriter,
  columns: readonly BoundColumn[],
  row: number,
  bytes: number,
): void {
  const start = writer.reserve(bytes);
  writer.zeros(bytes);
  let bit = bitmapOffset;
  for (const column of columns) {
    if (isNull(column, row)) {
      const position = start + (bit >> 3);
      writer.buffer[position] = (writer.buffer[position] ?? 0) | (1 << (bit & 7));
    }
    bit += 1;
  }
}

function writeBinaryCell(writer: PacketWriter, column: BoundColumn, row: number): void {
  const { vector } = column;
  switch (vector.kind) {
    case 'int64':
    case 'uint64':
      writeBinaryInteger(writer, column, row);
      break;
    case 'double':
      if (column.type.kind === 'float') writer.float(vector.values[row] ?? 0);
      else writer.double(vector.values[row] ?? 0);
      break;
    case 'text':
      writeBinaryText(writer, column.type.kind, vector.values[row] ?? '');
      break;
    case 'blob':
      writer.lengthEncodedBytes(vector.values[row] ?? new Uint8Array(0));
      break;
  }
}

function writeBinaryInteger(writer: PacketWriter, column: BoundColumn, row: number): void {
  const low = column.words[2 * row + lowWord] ?? 0;
  switch (column.type.kind) {
    case 'bool':
    case 'tinyint':
      writer.u8(low & 0xff);
      break;
    case 'smallint':
      writer.u16(low & 0xffff);
      break;
    case 'mediumint':
    case 'int':
      writer.u32(low >>> 0);
      break;
    default:
      writer.u32(low >>> 0);
      writer.u32((column.words[2 * row + 1 - lowWord] ?? 0) >>> 0);
  }
}

function writeBinaryText(writer: PacketWriter, kind: BoundColumn['type']['kind'], text: string): void {
  switch (kind) {
    case 'date':
    case 'datetime':
    case 'timestamp':
      writeBinaryDateTime(writer, text);
      break;
    case 'time':
      writeBinaryTime(writer, text);
      break;
    default:
      writer.lengthEncodedText(text);
  }
}
