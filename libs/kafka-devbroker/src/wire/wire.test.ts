import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WireReader } from './wire-reader.ts';
import { WireWriter } from './wire-writer.ts';

const row = fc.record({
  int8: fc.integer({ min: -128, max: 127 }),
  int16: fc.integer({ min: -32768, max: 32767 }),
  int32: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  int64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  flag: fc.boolean(),
  text: fc.string({ unit: 'grapheme', maxLength: 300 }),
  maybeText: fc.option(fc.string({ maxLength: 5 })),
  data: fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes).toString('hex')),
});

describe('WireWriter and WireReader', () => {
  it('read back what was written, in both encodings', () => {
    fc.assert(
      fc.property(fc.array(row, { maxLength: 200 }), fc.boolean(), (rows, flexible) => {
        const writer = new WireWriter();
        if (flexible) writer.useFlexible();
        writer.array(rows, (each) => {
          writer.int8(each.int8);
          writer.int16(each.int16);
          writer.int32(each.int32);
          writer.int64(each.int64);
          writer.boolean(each.flag);
          writer.string(each.text);
          writer.nullableString(each.maybeText);
          writer.bytes(Buffer.from(each.data, 'hex'));
          writer.tags();
        });
        const frame = Buffer.concat(writer.frame());
        expect(frame.readInt32BE(0)).toBe(frame.length - 4);
        const reader = new WireReader(frame.subarray(4));
        if (flexible) reader.useFlexible();
        const read = reader.array(() => {
          const each = {
            int8: reader.int8(),
            int16: reader.int16(),
            int32: reader.int32(),
            int64: reader.int64(),
            flag: reader.boolean(),
            text: reader.string(),
            maybeText: reader.nullableString(),
            data: reader.bytes().toString('hex'),
          };
          reader.tags();
          return each;
        });
        expect(read).toEqual(rows);
        expect(reader.remainingBytes).toBe(0);
      }),
    );
  });

  it('skips tagged fields', () => {
    const reader = new WireReader(Buffer.from([2, 0, 1, 99, 0x81, 1, 2, 98, 97, 7]));
    reader.useFlexible();
    reader.tags();
    expect(reader.int8()).toBe(7);
    expect(reader.remainingBytes).toBe(0);
  });

  const malformed = expect.objectContaining({ code: 'PACKET_MALFORMED' });

  it.each<[string, number[], boolean, (reader: WireReader) => unknown]>([
    ['a number that is cut off', [0, 0, 0], false, (reader) => reader.int32()],
    ['a string that is cut off', [0, 5, 97], false, (reader) => reader.string()],
    ['a null string', [255, 255], false, (reader) => reader.string()],
    ['a negative length', [255, 254, 0], false, (reader) => reader.nullableString()],
    ['bytes that are cut off', [0, 0, 1, 0, 1], false, (reader) => reader.bytes()],
    ['null bytes', [0], true, (reader) => reader.bytes()],
    [
      'an array longer than the request',
      [0, 0, 0, 3, 1],
      false,
      (reader) => reader.array(() => reader.int8()),
    ],
    ['an array of negative length', [255, 255, 255, 254], false, (reader) => reader.array(() => 0)],
    ['an endless varint', [255, 255, 255, 255, 255, 255], true, (reader) => reader.string()],
  ])('refuses %s', (_what, bytes, flexible, read) => {
    const reader = new WireReader(Buffer.from(bytes));
    if (flexible) reader.useFlexible();
    expect(() => read(reader)).toThrow(malformed);
  });

  it('refuses more array elements than a request may have', () => {
    const reader = new WireReader(Buffer.concat([Buffer.from([0, 4, 0, 0]), Buffer.alloc(1 << 19)]));
    expect(() => reader.array(() => reader.int8())).toThrow(malformed);
  });
});
