import mysql, { type FieldPacket } from 'mysql2';
import { describe, expect, it } from 'vitest';
import { JsonOutput } from './json-output.ts';
import { TableOutput } from './table-output.ts';

const { Types } = mysql;

function field(name: string, columnType: number): FieldPacket {
  // The outputs read these two only.
  return { name, columnType } as FieldPacket;
}

function collector() {
  const texts: string[] = [];
  return {
    output: { write: (text: string) => void texts.push(text), ready: () => undefined },
    text: () => texts.join(''),
  };
}

const fields = [field('id', Types.LONGLONG), field('body', Types.BLOB)];

describe('TableOutput', () => {
  it('prints result sets and outcomes one behind the other', () => {
    const { output, text } = collector();
    const sink = new TableOutput(output);
    sink.columns(fields);
    sink.row([7, Buffer.from('ff00', 'hex')]);
    sink.row(['9007199254740993', null]);
    sink.endOfRows();
    sink.done({ affectedRows: 1, warnings: 2 });
    expect(text()).toMatchInlineSnapshot(`
      "+------------------+--------+
      | id               | body   |
      +------------------+--------+
      |                7 | 0xff00 |
      | 9007199254740993 | NULL   |
      +------------------+--------+
      2 rows

      OK, 1 row affected, 2 warnings (SHOW WARNINGS)

      "
    `);
  });

  it('prints only the number of rows of an empty result', () => {
    const { output, text } = collector();
    const sink = new TableOutput(output);
    sink.columns(fields);
    sink.endOfRows();
    expect(text()).toBe('no rows\n\n');
  });

  it('prints every row of a result that is longer than the sample', () => {
    const { output, text } = collector();
    const sink = new TableOutput(output);
    sink.columns([field('n', Types.LONG)]);
    for (let row = 0; row < 2500; row += 1) sink.row([row]);
    sink.endOfRows();
    const shown = text()
      .split('\n')
      .flatMap((line) => /^\| +(\d+) \|$/.exec(line)?.[1] ?? []);
    expect(shown).toEqual(Array.from({ length: 2500 }, (_unused, row) => String(row)));
    expect(text()).toContain('2500 rows');
  });
});

describe('JsonOutput', () => {
  it('prints a line of JSON per statement', () => {
    const { output, text } = collector();
    const sink = new JsonOutput(output);
    for (const rows of [
      [],
      [[1, null]],
      [
        [1, 'a'],
        ['2', Buffer.from('ff', 'hex')],
      ],
    ]) {
      sink.columns(fields);
      for (const row of rows) sink.row(row);
      sink.endOfRows();
    }
    sink.done({ affectedRows: 3, warnings: 0 });
    sink.failed(Object.assign(new Error('x'), { errno: 1064, sqlState: '42000', sqlMessage: 'near FRM' }));
    sink.failed(new Error('gone'));
    const lines = text().trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { columns: ['id', 'body'], rows: [] },
      { columns: ['id', 'body'], rows: [[1, null]] },
      {
        columns: ['id', 'body'],
        rows: [
          [1, 'a'],
          ['2', '0xff'],
        ],
      },
      { affectedRows: 3, warnings: 0 },
      { error: { code: 1064, sqlState: '42000', message: 'near FRM' } },
      { error: { message: 'gone' } },
    ]);
  });
});
