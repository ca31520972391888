import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PlannedFormat } from '../rows/row-plan.ts';
import { type SeenField, scanPieces, scanRows } from '../testing/collect-rows.ts';

const paths: readonly (readonly string[])[] = [
  [],
  ['a'],
  ['b'],
  ['a', 'b'],
  ['a', 'c'],
  ['a', 'b', 'a"\n'],
  ['é'],
];

const format: PlannedFormat = {
  kind: 'json',
  fields: paths.map((path) => ({ path, asJson: false })),
  required: [],
};

/** What reference section 1.6 says of a value at a path. */
function modelOf(document: unknown, path: readonly string[]): SeenField {
  let value = document;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, key)) {
      return undefined;
    }
    value = (value as Record<string, unknown>)[key];
  }
  if (value === null) return null;
  if (value === true) return ['true', ''];
  if (value === false) return ['false', ''];
  if (typeof value === 'string') return ['text', Buffer.from(value).toString('utf8')];
  if (typeof value === 'number') return ['number', JSON.stringify(value)];
  return ['json', ''];
}

function withoutJsonText(row: readonly SeenField[]): SeenField[] {
  return row.map((field) => (field?.[0] === 'json' ? ['json', ''] : field));
}

const key = fc.oneof(
  fc.constantFrom('a', 'b', 'c', 'a"\n', 'é', 'long key'),
  fc.string({ unit: 'binary', maxLength: 6 }),
);
const { value: anyValue } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(null, true, false, 0, -1.5, 1e21, 123456789),
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(key, tie('value'), { maxKeys: 5, noNullPrototype: true }),
  ),
}));

/** Prints a value as JSON with random white space and escapes. */
function print(value: unknown, random: () => number): string {
  const space = () => [' ', '\n', '\t', '', '', '', ''][Math.floor(random() * 7)] ?? '';
  const text = (plain: string): string => {
    const quoted = JSON.stringify(plain);
    return random() < 0.7
      ? quoted
      : quoted.replace(/[a-zé/]/g, (char, at: number) =>
          // Not the letter of an escape itself.
          random() < 0.5 || quoted[at - 1] === '\\' || /\\u[0-9a-f]{0,3}$/.test(quoted.slice(0, at))
            ? char
            : `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
        );
  };
  if (typeof value === 'string') return text(value);
  if (Array.isArray(value))
    return `[${space()}${value.map((item) => print(item, random)).join(`${space()},${space()}`)}${space()}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(
      ([name, member]) => `${text(name)}${space()}:${space()}${print(member, random)}`,
    );
    return `{${space()}${members.join(`${space()},${space()}`)}${space()}}`;
  }
  return JSON.stringify(value);
}

const printed = fc
  .tuple(
    fc.array(anyValue, { minLength: 1, maxLength: 4 }),
    fc.noShrink(fc.infiniteStream(fc.double({ min: 0, max: 0.999999, noNaN: true }))),
  )
  .map(([values, randoms]) => {
    const random = () => randoms.next().value as number;
    return { values, text: values.map((value) => print(value, random)).join(random() < 0.5 ? ' ' : '\n') };
  });

describe('mapped values', () => {
  test('are those of JSON.parse', () => {
    fc.assert(
      fc.property(printed, ({ values, text }) => {
        const expected = values.map((value) => paths.map((path) => modelOf(value, path)));
        expect(scanRows(format, [Buffer.from(text)]).map(withoutJsonText)).toEqual(expected);
      }),
      { numRuns: 1500 },
    );
  });

  test('are the same whatever the pieces they arrive in', () => {
    fc.assert(
      fc.property(printed, fc.array(fc.nat(200), { maxLength: 5 }), ({ text }, cuts) => {
        const bytes = Buffer.from(text);
        const ends = [...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
        const pieces = ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
        expect(scanPieces(format, pieces)).toEqual(scanRows(format, [bytes]));
      }),
      { numRuns: 500 },
    );
  });

  test('damaged text is refused exactly where JSON.parse refuses it', () => {
    const alphabet = [
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '\\',
      'a',
      'u',
      '0',
      '1',
      '-',
      '.',
      'e',
      ' ',
      'null',
      'true',
    ];
    const damaged = fc.oneof(
      fc.array(fc.constantFrom(...alphabet), { maxLength: 12 }).map((parts) => parts.join('')),
      fc.tuple(printed, fc.nat(), fc.constantFrom(...alphabet)).map(([{ text }, at, insert]) => {
        const position = at % (text.length + 1);
        return text.slice(0, position) + insert + text.slice(position + 1);
      }),
    );
    fc.assert(
      fc.property(damaged, (text) => {
        // One value per text: JSON.parse knows no sequences.
        const accepted = parses(text);
        let rows: SeenField[][] | undefined;
        try {
          rows = scanRows(format, [Buffer.from(text)]);
        } catch {
          rows = undefined;
        }
        if (accepted) expect(rows).toHaveLength(1);
        else if (rows !== undefined) expect(rows.length).not.toBe(1);
      }),
      { numRuns: 3000 },
    );
  });
});

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

test('numbers, objects and arrays keep their text', () => {
  const row = scanRows(format, [Buffer.from('{"a":1.50,"b":[1, {"x" : 2}]}')]);
  expect(row[0]?.slice(1, 3)).toEqual([
    ['number', '1.50'],
    ['json', '[1, {"x" : 2}]'],
  ]);
});

test('of a key that occurs twice the last value counts, with everything below it', () => {
  const row = scanRows(format, [Buffer.from('{"a":{"b":1},"b":2,"a":{"c":3},"b":4}')]);
  expect(row[0]?.slice(1, 5)).toEqual([['json', '{"c":3}'], ['number', '4'], undefined, ['number', '3']]);
});

test('values for JSON columns keep their quotes', () => {
  const asJson: PlannedFormat = { kind: 'json', fields: [{ path: ['a'], asJson: true }], required: [] };
  const rows = scanRows(asJson, [Buffer.from('{"a":"x\\n"} {"a":true} {"a":null} {}')]);
  expect(rows).toEqual([[['json', '"x\\n"']], [['json', 'true']], [null], [undefined]]);
});

test('nesting is bounded', () => {
  expect(() => scanRows(format, [Buffer.from('['.repeat(100_000))])).toThrow('nested deeper');
});

test('bytes that are not UTF-8 are refused', () => {
  expect(() =>
    scanRows(format, [Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d])]),
  ).toThrow('UTF-8');
});
