import mysql, { type FieldPacket } from 'mysql2';
import type { Cell, ResultSink, StatementOutcome } from './run-statements.ts';
import { TextTable } from './text-table.ts';

/** Rows that decide about the widths of the columns; the rest is written as it comes. */
const sampleRowsMax = 1000;

const { Types } = mysql;

const numericTypes: ReadonlySet<number | undefined> = new Set([
  Types.DECIMAL,
  Types.TINY,
  Types.SHORT,
  Types.LONG,
  Types.FLOAT,
  Types.DOUBLE,
  Types.LONGLONG,
  Types.INT24,
  Types.YEAR,
  Types.NEWDECIMAL,
]);

/** Where text goes. `ready` as in {@link ResultSink}. */
export interface TextOutput {
  write(text: string): void;
  ready(): Promise<void> | undefined;
}

/** Results as aligned tables for people. */
export class TableOutput implements ResultSink {
  readonly #output: TextOutput;
  #fields: readonly FieldPacket[] = [];
  #sample: (readonly (string | undefined)[])[] = [];
  #table: TextTable | undefined;
  #rowCount = 0;

  constructor(output: TextOutput) {
    this.#output = output;
  }

  columns(fields: readonly FieldPacket[]): void {
    this.#fields = fields;
    this.#sample = [];
    this.#table = undefined;
    this.#rowCount = 0;
  }

  row(cells: readonly Cell[]): void {
    const texts = cells.map(cellText);
    this.#rowCount += 1;
    if (this.#table !== undefined) {
      this.#output.write(`${this.#table.row(texts)}\n`);
      return;
    }
    this.#sample.push(texts);
    if (this.#sample.length === sampleRowsMax) this.#startTable();
  }

  endOfRows(): void {
    const table = this.#rowCount === 0 ? undefined : (this.#table ?? this.#startTable());
    if (table !== undefined) this.#output.write(`${table.rule()}\n`);
    this.#output.write(`${countText(this.#rowCount, 'row')}\n\n`);
  }

  done({ affectedRows, warnings }: StatementOutcome): void {
    const warned = warnings === 0 ? '' : `, ${countText(warnings, 'warning')} (SHOW WARNINGS)`;
    this.#output.write(`OK, ${countText(affectedRows, 'row')} affected${warned}\n\n`);
  }

  ready(): Promise<void> | undefined {
    return this.#output.ready();
  }

  #startTable(): TextTable {
    const columns = this.#fields.map(({ name, columnType }) => ({
      name,
      align: numericTypes.has(columnType) ? ('right' as const) : ('left' as const),
    }));
    const table = new TextTable(columns, this.#sample);
    const lines = [...table.header(), ...this.#sample.map((row) => table.row(row))];
    this.#output.write(`${lines.join('\n')}\n`);
    this.#sample = [];
    this.#table = table;
    return table;
  }
}

/** Bytes that are not text are shown as `0x…`. */
function cellText(cell: Cell): string | undefined {
  if (cell === null) return undefined;
  return Buffer.isBuffer(cell) ? `0x${cell.toString('hex')}` : String(cell);
}

function countText(count: number, noun: string): string {
  return `${count === 0 ? 'no' : count} ${noun}${count === 1 ? '' : 's'}`;
}
