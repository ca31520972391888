/**
 * Number parsing over bytes for {@link DirectSink}: each parser accepts only plain forms whose value is beyond doubt
 * and answers `notPlain` for everything else, which then takes the engine's way.
 */
export const notPlain = Number.NaN;

const zero = 48;
const minus = 45;

/** An integer of up to 15 digits. */
export function parseInteger(bytes: Buffer, start: number, end: number): number {
  let at = start;
  const negative = bytes[at] === minus && at < end;
  if (negative) at += 1;
  const digits = end - at;
  if (digits < 1 || digits > 15) return notPlain;
  let value = 0;
  for (; at < end; at += 1) {
    const digit = (bytes[at] as number) - zero;
    if (digit < 0 || digit > 9) return notPlain;
    value = value * 10 + digit;
  }
  return negative ? 0 - value : value;
}

/** A 64-bit integer as two halves. */
export class Integer64 {
  low = 0;
  high = 0;

  set(value: number): void {
    this.low = value | 0;
    this.high = Math.floor(value / 0x1_0000_0000) | 0;
  }

  /** Parses an integer of up to 19 digits that fits a signed (or unsigned) 64-bit number; false if it is not one. */
  parse(bytes: Buffer, start: number, end: number, unsigned: boolean): boolean {
    const plain = parseInteger(bytes, start, end);
    if (!Number.isNaN(plain)) {
      if (unsigned && plain < 0) return false;
      this.set(plain);
      return true;
    }
    let at = start;
    const negative = bytes[at] === minus && at < end;
    if (negative) at += 1;
    if (end - at < 1 || end - at > 19 || (negative && unsigned)) return false;
    let low = 0;
    let high = 0;
    for (; at < end; at += 1) {
      const digit = (bytes[at] as number) - zero;
      if (digit < 0 || digit > 9) return false;
      const next = low * 10 + digit;
      low = next % 0x1_0000_0000;
      high = high * 10 + (next - low) / 0x1_0000_0000;
    }
    // The smallest signed number, whose positive is out of range, is left to the engine.
    if (!unsigned && high >= 0x8000_0000) return false;
    if (negative) {
      high = low === 0 ? -high : ~high;
      low = -low;
    }
    this.low = low | 0;
    this.high = high | 0;
    return true;
  }
}

/** What {@link parseDecimal} found: `digits` × 10^-`scale`. */
export interface DecimalParts {
  /** Integer with sign. */
  digits: number;
  /** Digits after the point. */
  scale: number;
}

/** A decimal number without exponent, of up to 15 digits. Returns false for anything else. */
export function parseDecimal(bytes: Buffer, start: number, end: number, into: DecimalParts): boolean {
  let at = start;
  const negative = bytes[at] === minus && at < end;
  if (negative) at += 1;
  let digits = 0;
  let count = 0;
  let point = -1;
  for (; at < end; at += 1) {
    const byte = bytes[at] as number;
    if (byte === 46 && point < 0 && count > 0) {
      point = at;
      continue;
    }
    const digit = byte - zero;
    if (digit < 0 || digit > 9) return false;
    digits = digits * 10 + digit;
    count += 1;
  }
  if (count < 1 || count > 15 || point === end - 1) return false;
  into.digits = negative ? -digits : digits;
  into.scale = point < 0 ? 0 : end - 1 - point;
  return true;
}

function twoDigits(bytes: Buffer, at: number): number {
  const tens = (bytes[at] as number) - zero;
  const ones = (bytes[at + 1] as number) - zero;
  return tens < 0 || tens > 9 || ones < 0 || ones > 9 ? notPlain : tens * 10 + ones;
}

const daysBeforeMonth = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
const daysInMonth = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Days since 1970-01-01 of `YYYY-MM-DD`, years 1000 to 9999. */
export function parseDate(bytes: Buffer, start: number, end: number): number {
  if (end - start !== 10 || bytes[start + 4] !== minus || bytes[start + 7] !== minus) return notPlain;
  const year = twoDigits(bytes, start) * 100 + twoDigits(bytes, start + 2);
  const month = twoDigits(bytes, start + 5);
  const day = twoDigits(bytes, start + 8);
  if (!(year >= 1000 && month >= 1 && month <= 12 && day >= 1)) return notPlain;
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  if (day > (daysInMonth[month - 1] as number) + (leap && month === 2 ? 1 : 0)) return notPlain;
  const past = year - 1;
  const leapDays = Math.floor(past / 4) - Math.floor(past / 100) + Math.floor(past / 400);
  const dayOfYear = (daysBeforeMonth[month - 1] as number) + (leap && month > 2 ? 1 : 0) + day - 1;
  return past * 365 + leapDays + dayOfYear - 719_162;
}

/**
 * Microseconds since 1970-01-01 of `YYYY-MM-DD`, `YYYY-MM-DD hh:mm:ss` or `YYYY-MM-DD hh:mm:ss.f`, with up to
 * `fractionDigits` digits of fraction and `T` allowed for the space.
 */
export function parseTimestamp(bytes: Buffer, start: number, end: number, fractionDigits: 0 | 6): number {
  const length = end - start;
  const days = parseDate(bytes, start, length > 10 ? start + 10 : end);
  if (length <= 10) return days * 86_400_000_000;
  const separator = bytes[start + 10];
  if (length < 19 || (separator !== 32 && separator !== 84)) return notPlain;
  if (bytes[start + 13] !== 58 || bytes[start + 16] !== 58) return notPlain;
  const hour = twoDigits(bytes, start + 11);
  const minute = twoDigits(bytes, start + 14);
  const second = twoDigits(bytes, start + 17);
  if (!(hour < 24 && minute < 60 && second < 60)) return notPlain;
  let micros = 0;
  if (length > 19) {
    const digits = length - 20;
    if (bytes[start + 19] !== 46 || digits < 1 || digits > fractionDigits) return notPlain;
    for (let at = start + 20; at < end; at += 1) {
      const digit = (bytes[at] as number) - zero;
      if (digit < 0 || digit > 9) return notPlain;
      micros = micros * 10 + digit;
    }
    micros *= 10 ** (6 - digits);
  }
  return ((days * 24 + hour) * 60 + minute) * 60_000_000 + second * 1_000_000 + micros;
}
