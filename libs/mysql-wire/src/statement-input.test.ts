import { isMillraceError } from '@millrace/errors/millrace-error';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PacketReader } from './packet-reader.ts';
import { PreparedStatements } from './prepared-statements.ts';
import { columnType } from './protocol-constants.ts';
import { parseExecute } from './statement-parameters.ts';
import { decodeStatementText } from './statement-text.ts';

const noLongData = new Map();
const bytesOf = (...parts: (number[] | Uint8Array)[]): Buffer =>
  Buffer.concat(parts.map((part) => Uint8Array.from(part)));
/** Cursor flags and the iteration count. */
const executionStart = [0, 1, 0, 0, 0];

describe('parseExecute', () => {
  const types = [
    columnType.tiny,
    columnType.tiny | 0x8000,
    columnType.short,
    columnType.long | 0x8000,
    columnType.longlong,
    columnType.longlong | 0x8000,
    columnType.varString,
    columnType.blob,
    columnType.time,
    columnType.null,
    columnType.varString,
  ];
  const body = bytesOf(
    executionStart,
    [0b0000_0000, 0b0000_0110],
    [1],
    types.flatMap((type) => [type & 0xff, type >> 8]),
    [0xff],
    [0xff],
    [0xfe, 0xff],
    [0xff, 0xff, 0xff, 0xff],
    Buffer.alloc(8, 0xff),
    Buffer.alloc(8, 0xff),
    [3],
    Buffer.from('añ'),
    [2, 0, 1],
    [8, 1, 1, 0, 0, 0, 2, 3, 4],
  );
  const context = { parameterCount: types.length, knownTypes: undefined, longData: noLongData };

  it('reads values of every kind', () => {
    const { values } = parseExecute(new PacketReader(body), context);
    expect(values).toEqual([
      -1n,
      255n,
      -2n,
      0xffff_ffffn,
      -1n,
      2n ** 64n - 1n,
      'añ',
      Uint8Array.from([0, 1]),
      '-26:03:04',
      null,
      null,
    ]);
  });

  it('gives bytes for text that is not UTF-8', () => {
    const bytes = bytesOf(executionStart, [0, 1, columnType.varString, 0, 2, 0xff, 0xfe]);
    const { values } = parseExecute(new PacketReader(bytes), { ...context, parameterCount: 1 });
    expect(values).toEqual([Uint8Array.from([0xff, 0xfe])]);
  });

  it('refuses every truncation as malformed or for its parameter count', () => {
    for (let length = 0; length < body.length; length += 1) {
      const outcome = outcomeOf(() => parseExecute(new PacketReader(body.subarray(0, length)), context));
      expect(outcome, `at ${length}`).toBe(
        length === executionStart.length ? 'PARAMETER_COUNT' : 'PACKET_MALFORMED',
      );
    }
  });

  it('fails no other way on random bytes', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 80 }),
        fc.integer({ min: 0, max: 12 }),
        (bytes, parameterCount) => {
          const outcome = outcomeOf(() =>
            parseExecute(new PacketReader(Buffer.from(bytes)), { ...context, parameterCount }),
          );
          expect(['read', 'PACKET_MALFORMED', 'PARAMETER_COUNT']).toContain(outcome);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('uses the types of the execution before when none are sent', () => {
    const bytes = bytesOf(executionStart, [0, 0, 7]);
    const known = { ...context, parameterCount: 1, knownTypes: [columnType.tiny] };
    expect(parseExecute(new PacketReader(bytes), known).values).toEqual([7n]);
    expect(outcomeOf(() => parseExecute(new PacketReader(bytes), { ...known, knownTypes: undefined }))).toBe(
      'PACKET_MALFORMED',
    );
  });
});

describe('PreparedStatements', () => {
  it('joins long data and drops it after the execution', () => {
    const prepared = new PreparedStatements({ statementsMax: 2, heldBytesMax: 1000 });
    const statement = prepared.add('INSERT ?', 1);
    for (const piece of ['a', 'bc', '', 'def']) prepared.appendLongData(statement.id, 0, Buffer.from(piece));
    expect(statement.longData.get(0)?.bytes.toString()).toBe('abcdef');
    prepared.clearLongData(statement);
    expect(statement.longData.size).toBe(0);
    prepared.appendLongData(statement.id, 0, Buffer.alloc(992));
    expect(statement.longDataError).toBeUndefined();
  });

  it('bounds the number of statements and the bytes they hold', () => {
    const prepared = new PreparedStatements({ statementsMax: 2, heldBytesMax: 10 });
    const first = prepared.add('12345678', 1);
    expect(() => prepared.checkRoomFor('123')).toThrow(expect.objectContaining({ code: 'RESOURCE_LIMIT' }));
    prepared.appendLongData(first.id, 0, Buffer.alloc(3));
    expect(first.longDataError).toMatchObject({ code: 'RESOURCE_LIMIT' });
    prepared.clearLongData(first);
    prepared.appendLongData(first.id, 1, Buffer.alloc(1));
    expect(first.longDataError).toMatchObject({ code: 'PARAMETER_COUNT' });
    prepared.add('', 0);
    expect(() => prepared.checkRoomFor('')).toThrow(expect.objectContaining({ code: 'PREPARED_TOO_MANY' }));
    prepared.close(first.id);
    prepared.checkRoomFor('1234567890');
    expect(() => prepared.get(first.id)).toThrow(
      expect.objectContaining({ code: 'STATEMENT_HANDLE_UNKNOWN' }),
    );
  });
});

describe('decodeStatementText', () => {
  const raw = (text: string): Buffer => Buffer.from(text, 'latin1');

  /** Characters that a client escapes, and what it writes after the backslash. */
  const special = new Map(
    ["''", '""', '\\\\', '\0' + '0', '\nn', '\rr', '\x1aZ'].map((pair) => [pair.slice(0, 1), pair.slice(-1)]),
  );

  it('passes UTF-8 through', () => {
    expect(decodeStatementText(Buffer.from("SELECT 'ñ', _binary'x'"))).toBe("SELECT 'ñ', _binary'x'");
  });

  it.each([
    ["VALUES (_binary'\xff\\0\\'''', 'ok')", "VALUES (X'ff002727', 'ok')"],
    ['VALUES (\'ok\', "\xfe\\n""")', "VALUES ('ok', X'fe0a22')"],
    [
      "/* it's */ SELECT _BINARY '\xff' -- don't\n, 'b\\'' # '\n",
      "/* it's */ SELECT X'ff' -- don't\n, 'b\\'' # '\n",
    ],
    ["SELECT `it's`, x_binary'\xff'", "SELECT `it's`, x_binaryX'ff'"],
  ])('makes a hexadecimal literal of bytes: %j', (text, expected) => {
    expect(decodeStatementText(raw(text))).toBe(expected);
  });

  it('reads back the bytes a client escaped', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (value) => {
        const bytes = Buffer.concat([Buffer.from(value), Buffer.from([0xff])]);
        const escaped = Array.from(bytes.toString('latin1'), (character) =>
          special.has(character) ? `\\${special.get(character)}` : character,
        ).join('');
        expect(decodeStatementText(raw(`SELECT _binary'${escaped}'`))).toBe(
          `SELECT X'${bytes.toString('hex')}'`,
        );
      }),
    );
  });

  it('refuses other bytes that are not UTF-8', () => {
    expect(outcomeOf(() => decodeStatementText(raw('SELECT \xff')))).toBe('TEXT_ENCODING');
    expect(outcomeOf(() => decodeStatementText(raw("SELECT '\xff")))).toBe('SQL_SYNTAX');
  });
});

function outcomeOf(run: () => unknown): string {
  try {
    run();
    return 'read';
  } catch (error) {
    return isMillraceError(error) ? error.code : String(error);
  }
}
