/**
 * Dates and times between DuckDB's numbers (days and microseconds since 1970-01-01) and canonical text
 * (`2026-01-31`, `2026-01-31 10:00:00.000001`), proleptic Gregorian calendar.
 */

const microsPerSecond = 1_000_000n;
const microsPerDay = 86_400_000_000n;

function pad(value: number, digits: number): string {
  return value.toString().padStart(digits, '0');
}

/** `2026-01-31`; years outside 0 to 9999 print with as many digits as they need. */
export function formatDate(days: number): string {
  // Days are shifted so that a year begins in March: leap days then come last (Howard Hinnant, "chrono-compatible
  // low-level date algorithms").
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthIndex = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthIndex + 2) / 5) + 1;
  const month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const sign = year < 0 ? '-' : '';
  return `${sign}${pad(Math.abs(year), 4)}-${pad(month, 2)}-${pad(day, 2)}`;
}

/** `10:00:00`, with six digits after the point when `fraction` is 6. `micros` is the time since midnight. */
export function formatTime(micros: bigint, fraction: 0 | 6): string {
  const total = Number(micros);
  const seconds = Math.floor(total / 1_000_000);
  const clock = `${pad(Math.floor(seconds / 3600), 2)}:${pad(Math.floor(seconds / 60) % 60, 2)}:${pad(seconds % 60, 2)}`;
  return fraction === 6 ? `${clock}.${pad(total % 1_000_000, 6)}` : clock;
}

/** `2026-01-31 10:00:00`, with six digits after the point when `fraction` is 6. */
export function formatTimestamp(micros: bigint, fraction: 0 | 6): string {
  const timeOfDay = ((micros % microsPerDay) + microsPerDay) % microsPerDay;
  return `${formatDate(Number((micros - timeOfDay) / microsPerDay))} ${formatTime(timeOfDay, fraction)}`;
}

/** Microseconds since 1970-01-01 of `YYYY-MM-DD[ hh:mm:ss[.ffffff]]`; undefined when the text is not of this form. */
export function parseTimestamp(text: string): bigint | undefined {
  const match = /^(\d{4,6})-(\d\d)-(\d\d)(?:[ T](.+))?$/.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, time] = match;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return undefined;
  const timeMicros = time === undefined ? 0n : parseTime(time);
  return timeMicros === undefined ? undefined : BigInt(date.getTime()) * 1000n + timeMicros;
}

/** Microseconds since midnight of `hh:mm:ss[.ffffff]`; undefined when the text is not of this form. */
export function parseTime(text: string): bigint | undefined {
  const match = /^(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?$/.exec(text);
  if (match === null) return undefined;
  const [, hours, minutes, seconds, fraction] = match;
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return undefined;
  const wholeSeconds = BigInt(Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds));
  return wholeSeconds * microsPerSecond + BigInt((fraction ?? '').padEnd(6, '0'));
}
