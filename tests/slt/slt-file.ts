/**
 * SQL logic files. Records are separated by blank lines:
 *
 * ```text
 * statement ok                 statement error 1062 duplicate
 * INSERT INTO t VALUES (1)     INSERT INTO t VALUES (1)
 *
 * query [rowsort]
 * SELECT a, b FROM t
 * ----
 * 1	NULL
 * ```
 *
 * Cells are separated by tabs; lines that begin with `#` are comments.
 */
export type SltRecord =
  | { readonly kind: 'statement'; readonly sql: string; readonly line: number }
  | {
      readonly kind: 'error';
      readonly sql: string;
      readonly line: number;
      readonly number: number;
      readonly text: string;
    }
  | {
      readonly kind: 'query';
      readonly sql: string;
      readonly line: number;
      readonly rowsort: boolean;
      readonly expected: readonly string[];
    };

export interface SltBlock {
  /** The lines as they stand, without the expected rows of a query. */
  readonly head: readonly string[];
  readonly record: SltRecord | undefined;
}

/** Reads a file; throws with the line of what it cannot read. */
export function parseSlt(text: string): SltBlock[] {
  const blocks: SltBlock[] = [];
  let lines: string[] = [];
  let start = 1;
  text.split('\n').forEach((line, index, all) => {
    if (line.trim() !== '') {
      if (lines.length === 0) start = index + 1;
      lines.push(line);
    }
    if ((line.trim() === '' || index === all.length - 1) && lines.length > 0) {
      blocks.push(parseBlock(lines, start));
      lines = [];
    }
  });
  return blocks;
}

function parseBlock(lines: readonly string[], start: number): SltBlock {
  const body = lines.filter((line) => !line.startsWith('#'));
  const [header, ...rest] = body;
  if (header === undefined) return { head: lines, record: undefined };
  const line = start + lines.indexOf(header);
  const error = /^statement error (\d+)(?: (.*))?$/.exec(header);
  if (header === 'statement ok')
    return { head: lines, record: { kind: 'statement', sql: rest.join('\n'), line } };
  if (error !== null) {
    const record = {
      kind: 'error' as const,
      sql: rest.join('\n'),
      line,
      number: Number(error[1]),
      text: error[2] ?? '',
    };
    return { head: lines, record };
  }
  const query = /^query( rowsort)?$/.exec(header);
  if (query === null)
    throw new Error(`line ${line}: '${header}' is not statement ok, statement error or query`);
  const dashes = rest.indexOf('----');
  const sql = (dashes < 0 ? rest : rest.slice(0, dashes)).join('\n');
  const expected = dashes < 0 ? [] : rest.slice(dashes + 1);
  const head = lines.slice(0, lines.includes('----') ? lines.indexOf('----') : lines.length);
  return { head, record: { kind: 'query', sql, line, rowsort: query[1] !== undefined, expected } };
}

/** Rows as the lines of a file; a line break inside a cell is written as `\n`. */
export function formatRows(rows: readonly (readonly (string | null)[])[], rowsort: boolean): string[] {
  const lines = rows.map((row) => row.map(formatCell).join('\t'));
  return rowsort ? lines.sort() : lines;
}

function formatCell(cell: string | null): string {
  if (cell === null) return 'NULL';
  return cell === '' ? '(empty)' : cell.replaceAll('\n', '\\n');
}
