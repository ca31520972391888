import { createScanner } from '../formats/create-scanner.ts';
import { RowErrors } from '../rows/row-errors.ts';
import { fieldKind, RowFields } from '../rows/row-fields.ts';
import type { PlannedFormat, SkippedRows } from '../rows/row-plan.ts';

export const noneSkipped: SkippedRows = { parser: false, constraint: false };

/** A field as a test sees it: `undefined` missing, `null`, or kind and text. */
export type SeenField = undefined | null | readonly [kind: string, text: string];

const names = Object.fromEntries(Object.entries(fieldKind).map(([name, value]) => [value, name]));

function seen(fields: RowFields, field: number): SeenField {
  const kind = fields.kinds[field] ?? 0;
  if (kind === fieldKind.missing) return undefined;
  if (kind === fieldKind.null) return null;
  if (kind === fieldKind.true || kind === fieldKind.false) return [names[kind] ?? '', ''];
  const name = kind === fieldKind.decoded ? 'text' : (names[kind] ?? '');
  return [name, fields.bytesOf(field).toString('utf8')];
}

/** Scans inputs as records of one range and returns every row; bad rows throw. */
export function scanRows(format: PlannedFormat, inputs: readonly Buffer[]): SeenField[][] {
  const rows: SeenField[][] = [];
  const fields = new RowFields(format.fields.length);
  const errors = new RowErrors('t', [{ sourcePartition: '0', begin: 0n, end: 1n }], noneSkipped);
  const sink = {
    addRow: (row: RowFields) => void rows.push(format.fields.map((_, field) => seen(row, field))),
  };
  const scanner = createScanner(format, fields, sink, errors);
  for (const input of inputs) {
    fields.line = 1;
    // Bytes around the input must not be looked at.
    const framed = Buffer.concat([Buffer.from('9"'), input, Buffer.from('"9')]);
    scanner.scan(framed, 2, 2 + input.length, true);
  }
  return rows;
}

/** Scans one input cut into pieces, as the output of a transform arrives. */
export function scanPieces(format: PlannedFormat, pieces: readonly Buffer[]): SeenField[][] {
  const rows: SeenField[][] = [];
  const fields = new RowFields(format.fields.length);
  const errors = new RowErrors('t', [{ sourcePartition: '0', begin: 0n, end: 1n }], noneSkipped);
  const sink = {
    addRow: (row: RowFields) => void rows.push(format.fields.map((_, field) => seen(row, field))),
  };
  const scanner = createScanner(format, fields, sink, errors);
  let rest: Buffer = Buffer.alloc(0);
  for (const piece of pieces) {
    rest = Buffer.concat([rest, piece]);
    rest = rest.subarray(scanner.scan(rest, 0, rest.length, false));
  }
  scanner.scan(rest, 0, rest.length, true);
  return rows;
}
