/** Canonical text of dates and times that MySQL accepts in literals; undefined for everything that is not a valid one. */

const datePattern = /^(\d{4})-(\d{1,2})-(\d{1,2})$/;
const datetimePattern = /^(\d{4}-\d{1,2}-\d{1,2})(?:[ T](\d{1,2}:\d{1,2}(?::\d{1,2}(?:\.\d{1,6})?)?))?$/;
const timePattern = /^(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,6}))?)?$/;

/** `2026-1-31` as `2026-01-31`. */
export function canonicalDate(text: string): string | undefined {
  const match = datePattern.exec(text.trim());
  if (match === null) return undefined;
  const [, year = '', month = '', day = ''] = match;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  if (Number(year) < 1 || date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day))
    return undefined;
  return `${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`;
}

/** `9:05` as `09:05:00`; fractions get six digits. */
export function canonicalTime(text: string): string | undefined {
  const match = timePattern.exec(text.trim());
  if (match === null) return undefined;
  const [, hours = '', minutes = '', seconds = '0', fraction] = match;
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return undefined;
  const clock = [hours, minutes, seconds].map((part) => part.padStart(2, '0')).join(':');
  return fraction === undefined ? clock : `${clock}.${fraction.padEnd(6, '0')}`;
}

/** A date without time is midnight. */
export function canonicalDatetime(text: string): string | undefined {
  const match = datetimePattern.exec(text.trim());
  if (match === null) return undefined;
  const date = canonicalDate(match[1] ?? '');
  const time = canonicalTime(match[2] ?? '00:00');
  return date === undefined || time === undefined ? undefined : `${date} ${time}`;
}
