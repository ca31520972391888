import type { ColumnBatch, ResultColumn } from '@millrace/values/column-batch';
import { type BoundColumn, bindColumns, lowWord } from './column-cells.ts';
import { writeIntegerText } from './integer-text.ts';
import type { PacketWriter } from './packet-writer.ts';

const nullMarker = 0xfb;
/** Significant digits of FLOAT, as the reference prints them. */
const floatDigits = 6;

/**
 * Encodes rows of a batch as text protocol packets, from `rowStart` until the batch ends or the writer holds
 * `fillBytes`. Returns the row to go on with.
 */
export type RowEncoder = (writer: PacketWriter, rowStart: number, fillBytes: number) => number;

/** An encoder for one batch in the text protocol (ProtocolText::ResultsetRow). */
export function textRowEncoder(columns: readonly ResultColumn[], batch: ColumnBatch): RowEncoder {
  const bound = bindColumns(columns, batch);
  return (writer, rowStart, fillBytes) => {
    let row = rowStart;
    while (row < batch.rowCount && writer.position < fillBytes) {
      writer.startPacket();
      for (const column of bound) writeTextCell(writer, column, row);
      writer.endPacket();
      row += 1;
    }
    return row;
  };
}

function writeTextCell(writer: PacketWriter, column: BoundColumn, row: number): void {
  const { vector, words, nulls } = column;
  if ((nulls !== undefined && nulls[row] === 1) || column.type.kind === 'null') {
    writer.u8(nullMarker);
    return;
  }
  switch (vector.kind) {
    case 'int64':
      writeIntegerText(writer, words[2 * row + 1 - lowWord] ?? 0, words[2 * row + lowWord] ?? 0, false);
      break;
    case 'uint64':
      writeIntegerText(writer, words[2 * row + 1 - lowWord] ?? 0, words[2 * row + lowWord] ?? 0, true);
      break;
    case 'double':
      writer.lengthEncodedText(doubleText(vector.values[row] ?? 0, column.type.kind === 'float'));
      break;
    case 'text':
      writer.lengthEncodedText(vector.values[row] ?? '');
      break;
    case 'blob':
      writer.lengthEncodedBytes(vector.values[row] ?? new Uint8Array(0));
      break;
  }
}

/**
 * A number as MySQL prints it: the shortest text that reads back to the same double, exponents without `+`; FLOAT
 * with six significant digits.
 */
export function doubleText(value: number, single: boolean): string {
  const printed = String(single && Number.isFinite(value) ? Number(value.toPrecision(floatDigits)) : value);
  return printed.includes('e+') ? printed.replace('e+', 'e') : printed;
}
