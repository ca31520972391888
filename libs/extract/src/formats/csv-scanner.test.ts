import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PlannedFormat } from '../rows/row-plan.ts';
import { type SeenField, scanPieces, scanRows } from '../testing/collect-rows.ts';
import type { CsvDialect } from './csv-dialect.ts';

interface Clauses {
  readonly terminated?: string;
  readonly enclosed?: string;
  readonly escaped?: string;
  readonly lines?: string;
  readonly starting?: string;
  readonly trailingNullcols?: boolean;
  readonly nullDefinedBy?: string;
  readonly nullOptionallyEnclosed?: boolean;
  readonly ignoreLines?: number;
}

function csv(fieldCount: number, clauses: Clauses = {}): PlannedFormat & { readonly kind: 'csv' } {
  const dialect: CsvDialect = {
    fieldsTerminatedBy: Buffer.from(clauses.terminated ?? '\t'),
    fieldsEnclosedBy: Buffer.from(clauses.enclosed ?? ''),
    fieldsEscapedBy: Buffer.from(clauses.escaped ?? '\\'),
    linesTerminatedBy: Buffer.from(clauses.lines ?? '\n'),
    linesStartingBy: Buffer.from(clauses.starting ?? ''),
    trailingNullcols: clauses.trailingNullcols ?? false,
    nullDefinedBy: clauses.nullDefinedBy === undefined ? undefined : Buffer.from(clauses.nullDefinedBy),
    nullOptionallyEnclosed: clauses.nullOptionallyEnclosed ?? false,
    ignoreLines: clauses.ignoreLines ?? 0,
  };
  return { kind: 'csv', dialect, fields: new Array<'text'>(fieldCount).fill('text') };
}

function texts(rows: readonly (readonly SeenField[])[]): (string | null | undefined)[][] {
  return rows.map((row) => row.map((field) => field?.[1] ?? (field as null | undefined)));
}

function scan(text: string, fieldCount: number, clauses: Clauses = {}) {
  return texts(scanRows(csv(fieldCount, clauses), [Buffer.from(text)]));
}

const dialects: readonly Required<Pick<Clauses, 'terminated' | 'enclosed' | 'escaped' | 'lines'>>[] = [
  { terminated: '\t', enclosed: '', escaped: '\\', lines: '\n' },
  { terminated: ',', enclosed: '"', escaped: '\\', lines: '\n' },
  { terminated: ',', enclosed: '"', escaped: '', lines: '\r\n' },
  { terminated: '||', enclosed: "'", escaped: '\\', lines: '||\n' },
  { terminated: '::', enclosed: '"', escaped: '"', lines: ';' },
];

type Dialect = (typeof dialects)[number];
const letters: Readonly<Record<string, string>> = {
  '\0': '0',
  '\b': 'b',
  '\n': 'n',
  '\r': 'r',
  '\t': 't',
  '\x1a': 'Z',
};

/** Writes a field so that it must read back: enclosed with doubled or escaped quotes, or plain with escapes. */
function writeField(
  value: string | null,
  { terminated, enclosed, escaped, lines }: Dialect,
  choice: number,
): string {
  const canEscape = escaped !== '' && escaped !== enclosed;
  if (value === null) return canEscape ? `${escaped}N` : 'NULL';
  const escapeChar = (char: string) => `${escaped}${letters[char] ?? char}`;
  if (enclosed !== '' && (choice % 2 === 0 || !canEscape)) {
    const body = [...value].map((char) => {
      if (char === enclosed) return choice % 3 === 0 && canEscape ? escapeChar(char) : enclosed + enclosed;
      return canEscape && char === escaped ? escapeChar(char) : char;
    });
    return enclosed + body.join('') + enclosed;
  }
  const special = new Set([...terminated, ...lines, ...enclosed, escaped]);
  return [...value]
    .map((char) => (special.has(char) || (choice % 5 === 0 && char in letters) ? escapeChar(char) : char))
    .join('');
}

const content = fc.string({
  unit: fc.constantFrom('a', 'N', '"', "'", '\\', ',', '|', ':', ';', '\t', '\n', '\r', '\0', 'é', '😀', ' '),
  maxLength: 6,
});

test('what was written in a dialect reads back, whole or in pieces', () => {
  const written = fc.constantFrom(...dialects).chain((dialect) => {
    const canBeNull = dialect.escaped !== '' && dialect.escaped !== dialect.enclosed;
    const field = fc.tuple(canBeNull ? fc.option(content, { freq: 5 }) : content, fc.nat(30));
    return fc.tuple(
      fc.constant(dialect),
      fc.array(fc.tuple(field, field, field), { minLength: 1, maxLength: 5 }),
      fc.boolean(),
      fc.array(fc.nat(300), { maxLength: 4 }),
    );
  });
  fc.assert(
    fc.property(written, ([dialect, rows, lastTerminated, cuts]) => {
      const lines = rows.map((row) =>
        row.map(([value, choice]) => writeField(value, dialect, choice)).join(dialect.terminated),
      );
      const text = lines.join(dialect.lines) + (lastTerminated ? dialect.lines : '');
      const expected = rows.map((row) => row.map(([value]) => value));
      const format = csv(3, dialect);
      const bytes = Buffer.from(text);
      expect(texts(scanRows(format, [bytes]))).toEqual(expected);
      const ends = [...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
      const pieces = ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
      expect(texts(scanPieces(format, pieces))).toEqual(expected);
    }),
    { numRuns: 3000 },
  );
});

test('no input makes the scanner hang or read beyond its bytes', () => {
  const noise = fc.string({
    unit: fc.constantFrom('a', '"', '\\', ',', '\n', '|', 'N', '\r', ';'),
    maxLength: 30,
  });
  fc.assert(
    fc.property(
      noise,
      fc.constantFrom(...dialects),
      fc.integer({ min: 1, max: 3 }),
      (text, dialect, count) => {
        try {
          const rows = scan(text, count, { ...dialect, trailingNullcols: true });
          expect(rows.length).toBeLessThanOrEqual(text.length);
        } catch (error) {
          expect((error as Error).message).toMatch(/does not end|more data than/);
        }
      },
    ),
    { numRuns: 3000 },
  );
});

test('NULL is \\N unquoted, or what NULL DEFINED BY says', () => {
  expect(scan('\\N\t\\Nx\tN\n', 3)).toEqual([[null, 'Nx', 'N']]);
  const quoted = { terminated: ',', enclosed: '"' };
  expect(scan('"\\N",\\N', 2, quoted)).toEqual([['N', null]]);
  expect(scan('NA,"NA",', 3, { ...quoted, nullDefinedBy: 'NA' })).toEqual([[null, 'NA', '']]);
  expect(scan('NA,"NA",', 3, { ...quoted, nullDefinedBy: 'NA', nullOptionallyEnclosed: true })).toEqual([
    [null, null, ''],
  ]);
  expect(scan(',x', 2, { terminated: ',', nullDefinedBy: '' })).toEqual([[null, 'x']]);
});

test('an enclosing byte that no terminator follows is data', () => {
  expect(scan('"a"b",c', 2, { terminated: ',', enclosed: '"' })).toEqual([['a"b', 'c']]);
});

test('escapes', () => {
  expect(scan('\\0\\b\\n\\r\\t\\Z\\\\\\x\\\t\n', 1)).toEqual([['\0\b\n\r\t\x1a\\x\t']]);
});

test('too few and too many fields', () => {
  expect(() => scan('a\tb\nc', 2)).toThrow("Row 2 doesn't contain data for all columns");
  expect(() => scan('a\tb\tc', 2)).toThrow(
    'Row 1 was truncated; it contained more data than there were input columns',
  );
  expect(scan('a\tb\nc\n', 2, { trailingNullcols: true })).toEqual([
    ['a', 'b'],
    ['c', null],
  ]);
});

test('LINES STARTING BY skips what comes before it, and lines without it', () => {
  expect(
    scan('xxx"abc",1\nsomething xxx"def",2\n"ghi",3\n', 2, {
      terminated: ',',
      enclosed: '"',
      starting: 'xxx',
    }),
  ).toEqual([
    ['abc', '1'],
    ['def', '2'],
  ]);
});

test('IGNORE LINES counts over the records of a range', () => {
  const format = csv(1, { ignoreLines: 3 });
  const rows = scanRows(format, [Buffer.from('a\nb'), Buffer.from('c\nd'), Buffer.from('e')]);
  expect(texts(rows)).toEqual([['d'], ['e']]);
});

test('fields that are discarded are not looked at', () => {
  const format = { ...csv(2, { terminated: ',' }), fields: ['discard', 'text'] as const };
  expect(texts(scanRows(format, [Buffer.from([0xff, 0x2c, 0x61])]))).toEqual([[undefined, 'a']]);
});

test('bytes that are not UTF-8 are refused except in binary columns', () => {
  const bytes = Buffer.from([0xff, 0x0a]);
  expect(() => scanRows(csv(1), [bytes])).toThrow('UTF-8');
  expect(scanRows({ ...csv(1), fields: ['bytes'] }, [bytes])).toHaveLength(1);
});
