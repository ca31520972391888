export interface TextColumn {
  readonly name: string;
  readonly align: 'left' | 'right';
}

/** Cell texts of one row; undefined is NULL. */
export type TextRow = readonly (string | undefined)[];

/** Text that cannot move the cursor or break the line: control characters as `\n`, `\t`, `\x1b`. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => {
    const named = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }[character];
    return named ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}

/** Number of code points: right for all but combining and double-width characters. */
function widthOf(text: string): number {
  let width = 0;
  for (const _ of text) width += 1;
  return width;
}

function pad(text: string, width: number, align: TextColumn['align']): string {
  const blanks = ' '.repeat(Math.max(0, width - widthOf(text)));
  return align === 'right' ? blanks + text : text + blanks;
}

/** Lays out rows below a header, in columns whose widths are fixed by the rows that are known first. */
export class TextTable {
  readonly #columns: readonly TextColumn[];
  readonly #widths: readonly number[];

  /** @param sample the rows that decide about widths; longer cells of later rows stick out */
  constructor(columns: readonly TextColumn[], sample: readonly TextRow[]) {
    this.#columns = columns.map((column) => ({ ...column, name: printable(column.name) }));
    this.#widths = this.#columns.map((column, index) =>
      sample.reduce(
        (width, row) => Math.max(width, widthOf(cellText(row[index]))),
        Math.max(1, widthOf(column.name)),
      ),
    );
  }

  /** Lines above the first row. */
  header(): readonly string[] {
    return [
      this.rule(),
      this.#line(this.#columns.map((column, index) => pad(column.name, this.#widths[index] ?? 0, 'left'))),
      this.rule(),
    ];
  }

  row(cells: TextRow): string {
    return this.#line(
      this.#columns.map((column, index) =>
        pad(cellText(cells[index]), this.#widths[index] ?? 0, column.align),
      ),
    );
  }

  /** The line below the last row. */
  rule(): string {
    return `+${this.#widths.map((width) => '-'.repeat(width + 2)).join('+')}+`;
  }

  #line(cells: readonly string[]): string {
    return `| ${cells.join(' | ')} |`;
  }
}

function cellText(cell: string | undefined): string {
  return cell === undefined ? 'NULL' : printable(cell);
}

/** A whole table, a string per line. */
export function formatTable(columns: readonly TextColumn[], rows: readonly TextRow[]): readonly string[] {
  const table = new TextTable(columns, rows);
  return [...table.header(), ...rows.map((row) => table.row(row)), table.rule()];
}
