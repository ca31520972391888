import type { PacketWriter } from './packet-writer.ts';

const wordValues = 2 ** 32;
/** High words within this range, exclusive below, make an integer that a double holds exactly. */
const exactHighWordMax = 2 ** 21 - 1;
const lowDigits = 8;
const lowDigitsBase = 10 ** lowDigits;
const signedTextMax = 20;
const zero = 0x30;
const minus = 0x2d;

/**
 * Writes a 64-bit integer, given as two words, as length-encoded decimal text. Only integers beyond 2^53 make a bigint
 * and a string.
 */
export function writeIntegerText(writer: PacketWriter, high: number, low: number, unsigned: boolean): void {
  const highWord = unsigned ? high >>> 0 : high;
  if (highWord > exactHighWordMax || highWord < -exactHighWordMax) {
    const value = (BigInt(highWord) << 32n) | BigInt(low >>> 0);
    writer.lengthEncodedText(value.toString());
    return;
  }
  writeExactInteger(writer, highWord * wordValues + (low >>> 0));
}

function writeExactInteger(writer: PacketWriter, value: number): void {
  const start = writer.reserve(1 + signedTextMax);
  const buffer = writer.buffer;
  let position = start + 1;
  let rest = value;
  if (rest < 0) {
    buffer[position] = minus;
    position += 1;
    rest = -rest;
  }
  if (rest >= lowDigitsBase) {
    // Two parts of at most 31 bits: integer division is far faster on those.
    const upper = Math.floor(rest / lowDigitsBase);
    const upperDigits = digitCount(upper);
    writeDigits(buffer, position, upper, upperDigits);
    position += upperDigits;
    writeDigits(buffer, position, rest - upper * lowDigitsBase, lowDigits);
    position += lowDigits;
  } else {
    const digits = digitCount(rest);
    writeDigits(buffer, position, rest, digits);
    position += digits;
  }
  buffer[start] = position - start - 1;
  writer.position = position;
}

function writeDigits(buffer: Buffer, start: number, value: number, digits: number): void {
  let rest = value | 0;
  for (let position = start + digits - 1; position >= start; position -= 1) {
    const quotient = (rest / 10) | 0;
    buffer[position] = zero + rest - quotient * 10;
    rest = quotient;
  }
}

function digitCount(value: number): number {
  let digits = 1;
  for (let limit = 10; value >= limit; limit *= 10) digits += 1;
  return digits;
}
