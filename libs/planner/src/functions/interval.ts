import { MillraceError } from '@millrace/errors/millrace-error';
import type { IntervalUnit } from '@millrace/sql/ast/expression';
import type { SqlType } from '@millrace/values/sql-type';
import { type BoundExpression, call, literal } from '../bound/bound-expression.ts';
import { canonicalDate } from '../types/calendar-text.ts';
import { asDatetime, asDouble, asInteger } from '../types/convert.ts';
import {
  bigintType,
  classOf,
  dateType,
  datetime6Type,
  datetimeType,
  time6Type,
} from '../types/type-class.ts';

type SimpleUnit =
  | 'microsecond'
  | 'second'
  | 'minute'
  | 'hour'
  | 'day'
  | 'week'
  | 'month'
  | 'quarter'
  | 'year';

/** DuckDB interval of `n` units. */
const intervalSql: Record<SimpleUnit, (n: string) => string> = {
  microsecond: (n) => `to_microseconds(${n})`,
  second: (n) => `to_seconds(${n})`,
  minute: (n) => `to_minutes(${n})`,
  hour: (n) => `to_hours(${n})`,
  day: (n) => `to_days(CAST(${n} AS INTEGER))`,
  week: (n) => `to_days(CAST(7 * ${n} AS INTEGER))`,
  month: (n) => `to_months(CAST(${n} AS INTEGER))`,
  quarter: (n) => `to_months(CAST(3 * ${n} AS INTEGER))`,
  year: (n) => `to_months(CAST(12 * ${n} AS INTEGER))`,
};

/** Units that leave a date a date. */
const dateUnits: ReadonlySet<IntervalUnit> = new Set([
  'day',
  'week',
  'month',
  'quarter',
  'year',
  'year_month',
]);

/** Units of the parts of `'1:30'`, `'1 2'` and so on, from the left. */
const compositeUnits: Partial<Record<IntervalUnit, readonly SimpleUnit[]>> = {
  second_microsecond: ['second', 'microsecond'],
  minute_microsecond: ['minute', 'second', 'microsecond'],
  minute_second: ['minute', 'second'],
  hour_microsecond: ['hour', 'minute', 'second', 'microsecond'],
  hour_second: ['hour', 'minute', 'second'],
  hour_minute: ['hour', 'minute'],
  day_microsecond: ['day', 'hour', 'minute', 'second', 'microsecond'],
  day_second: ['day', 'hour', 'minute', 'second'],
  day_minute: ['day', 'hour', 'minute'],
  day_hour: ['day', 'hour'],
  year_month: ['year', 'month'],
};

function isSimple(unit: IntervalUnit): unit is SimpleUnit {
  return Object.hasOwn(intervalSql, unit);
}

/** The parts of a composite unit from the largest; a simple unit is its own only part. */
export function unitParts(unit: IntervalUnit): readonly SimpleUnit[] {
  if (isSimple(unit)) return [unit];
  const parts = compositeUnits[unit];
  if (parts === undefined) throw new MillraceError('INTERNAL', `interval unit ${unit} has no parts`);
  return parts;
}

/** `date + INTERVAL value unit`; `sign` -1 subtracts. */
export function addInterval(
  date: BoundExpression,
  value: BoundExpression,
  unit: IntervalUnit,
  sign: 1 | -1,
): BoundExpression {
  const type = sumType(date, value, unit);
  const base = type.kind === 'time' ? date : asDatetime(date);
  const symbol = sign === 1 ? '+' : '-';
  const parts = isSimple(unit) ? [{ unit, value }] : compositeParts(value, unit);
  const args = [
    base,
    ...parts.map((part) => (part.unit === 'second' ? asDouble(part.value) : asInteger(part.value))),
  ];
  return call(
    type,
    args,
    ([x, ...amounts]) => {
      const total = parts.reduce(
        (sql, part, at) => `${sql} ${symbol} ${intervalSql[part.unit](amounts[at] ?? '0')}`,
        x ?? '',
      );
      return type.kind === 'date' ? `CAST((${total}) AS DATE)` : `(${total})`;
    },
    { nullable: true },
  );
}

function sumType(date: BoundExpression, value: BoundExpression, unit: IntervalUnit): SqlType {
  if (classOf(date.type) === 'time') return time6Type;
  const isDate =
    classOf(date.type) === 'date' ||
    (date.kind === 'literal' && typeof date.value === 'string' && canonicalDate(date.value) !== undefined);
  if (isDate && dateUnits.has(unit)) return dateType;
  const fine = unit.endsWith('microsecond') || (unit === 'second' && classOf(value.type) !== 'integer');
  const hasFraction = !('fraction' in date.type) || date.type.fraction === 6;
  return fine || (hasFraction && !isDate) ? datetime6Type : datetimeType;
}

function compositeParts(
  value: BoundExpression,
  unit: IntervalUnit,
): { unit: SimpleUnit; value: BoundExpression }[] {
  if (value.kind !== 'literal' || value.value === null) {
    throw new MillraceError(
      'SQL_UNSUPPORTED',
      `INTERVAL with unit ${unit.toUpperCase()} needs a constant value`,
    );
  }
  const text = String(value.value);
  const numbers = text.match(/\d+/g) ?? [];
  const units = unitParts(unit);
  // With fewer numbers than parts the leftmost parts are missing, as in MySQL.
  const used = units.slice(Math.max(0, units.length - numbers.length));
  const sign = text.trimStart().startsWith('-') ? -1n : 1n;
  return used.map((part, at) => ({
    unit: part,
    value: literal(bigintType, sign * BigInt(numbers[at] ?? '0')),
  }));
}

const microsPer: Partial<Record<SimpleUnit, string>> = {
  microsecond: '1',
  second: '1000000',
  minute: '60000000',
  hour: '3600000000',
  day: '86400000000',
  week: '604800000000',
};
const monthsPer: Partial<Record<SimpleUnit, number>> = { month: 1, quarter: 3, year: 12 };

/** TIMESTAMPDIFF: complete units from `from` to `to`, negative when `to` is earlier. */
export function timestampDifference(
  unit: IntervalUnit,
  from: BoundExpression,
  to: BoundExpression,
): BoundExpression {
  if (!isSimple(unit))
    throw new MillraceError('SQL_UNSUPPORTED', `TIMESTAMPDIFF does not take ${unit.toUpperCase()}`);
  const args = [asDatetime(from), asDatetime(to)];
  const micros = microsPer[unit];
  if (micros !== undefined) {
    return call(bigintType, args, ([a, b]) => `((epoch_us(${b}) - epoch_us(${a})) // ${micros})`, {
      nullable: true,
    });
  }
  // The engine's own month difference counts the last day of a shorter month as complete, MySQL's does not.
  return call(
    bigintType,
    args,
    ([a, b]) => {
      const months = `(12 * (year(${b}) - year(${a})) + month(${b}) - month(${a}))`;
      const within = (x: string | undefined) => `(epoch_us(${x}) - epoch_us(date_trunc('month', ${x})))`;
      const early = `CASE WHEN ${b} >= ${a} AND ${within(b)} < ${within(a)} THEN 1 WHEN ${b} < ${a} AND ${within(b)} > ${within(a)} THEN -1 ELSE 0 END`;
      return `((${months} - ${early}) // ${monthsPer[unit] ?? 1})`;
    },
    { nullable: true },
  );
}

const partSql: Record<SimpleUnit, (x: string) => string> = {
  microsecond: (x) => `(microsecond(${x}) % 1000000)`,
  second: (x) => `second(${x})`,
  minute: (x) => `minute(${x})`,
  hour: (x) => `hour(${x})`,
  day: (x) => `day(${x})`,
  week: (x) => `CAST(strftime(${x}, '%U') AS BIGINT)`,
  month: (x) => `month(${x})`,
  quarter: (x) => `quarter(${x})`,
  year: (x) => `year(${x})`,
};

/** EXTRACT(unit FROM operand); composite units give the digits of their parts. */
export function extractUnit(unit: IntervalUnit, operand: BoundExpression): BoundExpression {
  const parts = unitParts(unit);
  const timeOnly = classOf(operand.type) === 'time';
  return call(
    bigintType,
    [timeOnly ? operand : asDatetime(operand)],
    ([x = '']) =>
      parts
        .map((part) => partSql[part](x))
        .reduce((sql, part, at) => `(${sql} * ${parts[at] === 'microsecond' ? 1_000_000 : 100} + ${part})`),
    { nullable: true },
  );
}
