import type { RowFields } from '../rows/row-fields.ts';

const replacementCharacter = 0xfffd;

/** The value of a hexadecimal digit, or -1. */
export function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

function codeUnit(bytes: Buffer, position: number): number {
  let unit = 0;
  for (let digit = 0; digit < 4; digit += 1) unit = unit * 16 + hexDigit(bytes[position + digit] as number);
  return unit;
}

const shortEscapes: Readonly<Record<number, number>> = { 98: 8, 102: 12, 110: 10, 114: 13, 116: 9 };

function writeUtf8(out: Buffer, position: number, codePoint: number): number {
  let at = position;
  if (codePoint < 0x80) {
    out[at++] = codePoint;
  } else if (codePoint < 0x800) {
    out[at++] = 0xc0 | (codePoint >> 6);
    out[at++] = 0x80 | (codePoint & 63);
  } else if (codePoint < 0x10000) {
    out[at++] = 0xe0 | (codePoint >> 12);
    out[at++] = 0x80 | ((codePoint >> 6) & 63);
    out[at++] = 0x80 | (codePoint & 63);
  } else {
    out[at++] = 0xf0 | (codePoint >> 18);
    out[at++] = 0x80 | ((codePoint >> 12) & 63);
    out[at++] = 0x80 | ((codePoint >> 6) & 63);
    out[at++] = 0x80 | (codePoint & 63);
  }
  return at;
}

/**
 * Decodes the inside of a JSON string, already checked, to UTF-8 in the scratch space of `fields` and returns where it
 * ends; it starts at the former `scratchUsed`. A surrogate without its pair, which UTF-8 cannot carry, becomes U+FFFD.
 */
export function decodeJsonString(fields: RowFields, bytes: Buffer, start: number, end: number): number {
  let at = fields.reserveScratch(end - start);
  const out = fields.scratch.bytes;
  for (let i = start; i < end; ) {
    const byte = bytes[i] as number;
    if (byte !== 92) {
      out[at++] = byte;
      i += 1;
      continue;
    }
    const escaped = bytes[i + 1] as number;
    if (escaped !== 117) {
      out[at++] = shortEscapes[escaped] ?? escaped;
      i += 2;
      continue;
    }
    let codePoint = codeUnit(bytes, i + 2);
    i += 6;
    if (codePoint >= 0xd800 && codePoint < 0xe000) {
      const low = codePoint < 0xdc00 && bytes[i] === 92 && bytes[i + 1] === 117 ? codeUnit(bytes, i + 2) : 0;
      if (low >= 0xdc00 && low < 0xe000) {
        codePoint = 0x10000 + ((codePoint - 0xd800) << 10) + (low - 0xdc00);
        i += 6;
      } else {
        codePoint = replacementCharacter;
      }
    }
    at = writeUtf8(out, at, codePoint);
  }
  fields.scratchUsed = at;
  return at;
}
