import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatTable, printable, TextTable } from './text-table.ts';

const name = { name: 'name', align: 'left' } as const;
const count = { name: 'n', align: 'right' } as const;

describe('formatTable', () => {
  it('aligns columns and shows NULL', () => {
    const rows = [
      ['Click', '12'],
      [undefined, '3456'],
    ];
    expect(formatTable([name, count], rows).join('\n')).toBe(
      [
        '+-------+------+',
        '| name  | n    |',
        '+-------+------+',
        '| Click |   12 |',
        '| NULL  | 3456 |',
        '+-------+------+',
      ].join('\n'),
    );
  });

  it('gives every line the same width, whatever the cells hold', () => {
    const cell = fc.option(fc.string({ unit: 'binary' }), { nil: undefined });
    fc.assert(
      fc.property(fc.string(), fc.array(fc.tuple(cell, cell)), (title, rows) => {
        const lines = formatTable([{ name: title, align: 'left' }, count], rows);
        expect(lines).toHaveLength(rows.length + 4);
        expect(new Set(lines.map((line) => [...line].length)).size).toBe(1);
      }),
    );
  });

  it('counts characters beyond 16 bits as one', () => {
    expect(formatTable([name], [['a😀b']])[3]).toBe('| a😀b  |');
  });
});

describe('TextTable', () => {
  it('lets cells stick out that the sample did not announce', () => {
    const table = new TextTable([name], [['x']]);
    expect(table.row(['a long cell'])).toBe('| a long cell |');
  });
});

describe('printable', () => {
  it('leaves no control character and changes nothing else', () => {
    expect(printable('a\nb\tc\x1b[31m\x7f\x9b')).toBe('a\\nb\\tc\\x1b[31m\\x7f\\x9b');
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => !/\p{Cc}/u.test(printable(text))));
    expect(printable('Grüße 😀')).toBe('Grüße 😀');
  });
});
