import { malformed, type PacketReader } from './packet-reader.ts';
import type { PacketWriter } from './packet-writer.ts';

const hoursPerDay = 24;
const microsecondDigits = 6;

/**
 * Writes `YYYY-MM-DD[ hh:mm:ss[.f…]]` in the binary form of DATE, DATETIME and TIMESTAMP: the shortest of 0, 4, 7
 * and 11 bytes that holds the value.
 *
 * @throws TypeError when the text is not such a value, which is a bug of whoever made it
 */
export function writeBinaryDateTime(writer: PacketWriter, text: string): void {
  const cursor = new TextCursor(text);
  const year = cursor.number('-');
  const month = cursor.number('-');
  const day = cursor.number(' ');
  const hour = cursor.number(':');
  const minute = cursor.number(':');
  const second = cursor.number('.');
  const microseconds = cursor.fraction();
  cursor.finish();
  const length = microseconds > 0 ? 11 : hour + minute + second > 0 ? 7 : year + month + day > 0 ? 4 : 0;
  writer.u8(length);
  if (length >= 4) {
    writer.u16(year);
    writer.u8(month);
    writer.u8(day);
  }
  if (length >= 7) {
    writer.u8(hour);
    writer.u8(minute);
    writer.u8(second);
  }
  if (length === 11) writer.u32(microseconds);
}

/**
 * Writes `[-]h…h:mm:ss[.f…]` in the binary form of TIME: 0, 8 or 12 bytes.
 *
 * @throws TypeError when the text is not such a value
 */
export function writeBinaryTime(writer: PacketWriter, text: string): void {
  const negative = text.startsWith('-');
  const cursor = new TextCursor(text, negative ? 1 : 0);
  const hours = cursor.number(':');
  const minute = cursor.number(':');
  const second = cursor.number('.');
  const microseconds = cursor.fraction();
  cursor.finish();
  const length = microseconds > 0 ? 12 : hours + minute + second > 0 ? 8 : 0;
  writer.u8(length);
  if (length === 0) return;
  writer.u8(negative ? 1 : 0);
  writer.u32(Math.floor(hours / hoursPerDay));
  writer.u8(hours % hoursPerDay);
  writer.u8(minute);
  writer.u8(second);
  if (length === 12) writer.u32(microseconds);
}

/** Reads a DATE parameter as `YYYY-MM-DD`. */
export function readBinaryDate(reader: PacketReader): string {
  return readDateTimeParts(reader).date;
}

/** Reads a DATETIME or TIMESTAMP parameter as `YYYY-MM-DD hh:mm:ss[.ffffff]`. */
export function readBinaryDateTime(reader: PacketReader): string {
  const { date, time } = readDateTimeParts(reader);
  return `${date} ${time}`;
}

/** Reads a TIME parameter as `[-]hh:mm:ss[.ffffff]`. */
export function readBinaryTime(reader: PacketReader): string {
  const length = reader.u8();
  if (length === 0) return '00:00:00';
  if (length !== 8 && length !== 12) throw malformed(`a TIME of ${length} bytes`);
  const sign = reader.u8() === 0 ? '' : '-';
  const days = reader.u32();
  const hours = days * hoursPerDay + reader.u8();
  const minutes = reader.u8();
  const seconds = reader.u8();
  return `${sign}${timeText(hours, minutes, seconds, length === 12 ? reader.u32() : 0)}`;
}

function readDateTimeParts(reader: PacketReader): { date: string; time: string } {
  const length = reader.u8();
  if (length !== 0 && length !== 4 && length !== 7 && length !== 11) {
    throw malformed(`a date of ${length} bytes`);
  }
  const date = length === 0 ? dateText(0, 0, 0) : dateText(reader.u16(), reader.u8(), reader.u8());
  if (length < 7) return { date, time: timeText(0, 0, 0, 0) };
  const hours = reader.u8();
  const minutes = reader.u8();
  const seconds = reader.u8();
  return { date, time: timeText(hours, minutes, seconds, length === 11 ? reader.u32() : 0) };
}

function dateText(year: number, month: number, day: number): string {
  return `${padded(year, 4)}-${padded(month, 2)}-${padded(day, 2)}`;
}

function timeText(hours: number, minutes: number, seconds: number, microseconds: number): string {
  const whole = `${padded(hours, 2)}:${padded(minutes, 2)}:${padded(seconds, 2)}`;
  return microseconds === 0 ? whole : `${whole}.${padded(microseconds, microsecondDigits)}`;
}

function padded(value: number, digits: number): string {
  return String(value).padStart(digits, '0');
}

/** Reads numbers out of a text of digits and separators. At the end of the text every further number is zero. */
class TextCursor {
  readonly #text: string;
  #position: number;

  constructor(text: string, position = 0) {
    this.#text = text;
    this.#position = position;
    if (position >= text.length) throw this.#error();
  }

  /** The digits up to `separator`, which is consumed, or to the end of the text. */
  number(separator: string): number {
    const start = this.#position;
    let value = 0;
    for (; this.#position < this.#text.length; this.#position += 1) {
      const digit = this.#text.charCodeAt(this.#position) - 0x30;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    if (start < this.#text.length && this.#position === start) throw this.#error();
    if (this.#position < this.#text.length) {
      if (this.#text[this.#position] !== separator) throw this.#error();
      this.#position += 1;
    }
    return value;
  }

  /** The rest of the text as a fraction of a second, in microseconds; digits beyond the sixth are cut. */
  fraction(): number {
    const start = this.#position;
    let value = 0;
    for (let index = 0; index < microsecondDigits; index += 1) {
      const position = start + index;
      const digit = position < this.#text.length ? this.#text.charCodeAt(position) - 0x30 : 0;
      if (digit < 0 || digit > 9) throw this.#error();
      value = value * 10 + digit;
    }
    this.#position = Math.min(this.#text.length, start + microsecondDigits);
    return value;
  }

  finish(): void {
    for (; this.#position < this.#text.length; this.#position += 1) {
      const digit = this.#text.charCodeAt(this.#position) - 0x30;
      if (digit < 0 || digit > 9) throw this.#error();
    }
  }

  #error(): TypeError {
    return new TypeError(`not a date or time: '${this.#text}'`);
  }
}
