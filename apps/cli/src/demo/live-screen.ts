import { stripVTControlCharacters } from 'node:util';

/** The part of a terminal stream that drawing needs. */
export interface Terminal {
  readonly columns: number;
  readonly rows: number;
  write(text: string): unknown;
}

const control = '\x1b[';

/** A block of lines at the end of the terminal that is drawn again in place; what was written before stays above it. */
export class LiveScreen {
  readonly #terminal: Terminal;
  #linesDrawn = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    terminal.write(`${control}?25l`);
  }

  /** Lines that do not fit are cut, at the right and at the bottom. */
  draw(lines: readonly string[]): void {
    const { columns, rows } = this.#terminal;
    const shown = lines.slice(0, Math.max(1, rows - 1)).map((line) => clip(line, columns - 1));
    const up = this.#linesDrawn === 0 ? '' : `${control}${Math.min(this.#linesDrawn, rows - 1)}A`;
    this.#terminal.write(`${up}\r${shown.map((line) => `${line}${control}K\n`).join('')}${control}J`);
    this.#linesDrawn = shown.length;
  }

  /** Leaves the block as it is and shows the cursor again. */
  close(): void {
    this.#terminal.write(`${control}?25h`);
  }
}

function clip(line: string, columns: number): string {
  const text = stripVTControlCharacters(line);
  return text.length <= columns ? text : `${text.slice(0, Math.max(0, columns - 1))}…`;
}
