import { MillraceError } from '@millrace/errors/millrace-error';
import { type BoundExpression, call, literal } from '../bound/bound-expression.ts';
import { asDate, asDatetime, asDouble, asInteger, asText, asTime } from '../types/convert.ts';
import {
  bigintType,
  classOf,
  dateType,
  datetime6Type,
  datetimeType,
  decimalType,
  intType,
  textTypeOf,
  time6Type,
  timeType,
} from '../types/type-class.ts';
import { dateFormat, stringToDate } from './date-format.ts';
import { addInterval } from './interval.ts';
import {
  binary,
  type FunctionContext,
  type FunctionFamily,
  type ScalarFunction,
  ternary,
  unary,
  unaryOrBinary,
} from './scalar-function.ts';

const nullable = { nullable: true };

/** Whether a call such as NOW(6) asks for a fraction. */
function wantsFraction(args: readonly BoundExpression[]): boolean {
  const [precision] = args;
  return precision?.kind === 'literal' && precision.value === 6n;
}

/** The start of the statement in one of its forms. */
function current(kind: 'datetime' | 'date' | 'time'): ScalarFunction {
  return {
    argumentsMin: 0,
    argumentsMax: 1,
    bind: (args, { session }: FunctionContext) => {
      const [date = '', time = '00:00:00.000000'] = session.now.split(' ');
      const fraction = wantsFraction(args);
      const clock = fraction ? time : time.slice(0, 8);
      switch (kind) {
        case 'date':
          return literal(dateType, date);
        case 'time':
          return literal(fraction ? time6Type : timeType, clock);
        case 'datetime':
          return literal(fraction ? datetime6Type : datetimeType, `${date} ${clock}`);
      }
    },
  };
}

function datePart(render: (x: string) => string): ScalarFunction {
  return unary((a) =>
    call(intType, [asDatetime(a)], ([x = '']) => `CAST(${render(x)} AS INTEGER)`, nullable),
  );
}

function timePart(render: (x: string) => string): ScalarFunction {
  return unary((a) => {
    const operand = classOf(a.type) === 'datetime' || classOf(a.type) === 'date' ? asDatetime(a) : asTime(a);
    return call(intType, [operand], ([x = '']) => `CAST(${render(x)} AS INTEGER)`, nullable);
  });
}

/** WEEK: how weeks are numbered in each mode; the others are not supported. */
const weekModes: Readonly<Record<string, (x: string) => string>> = {
  '0': (x) => `strftime(${x}, '%U')`,
  '1': (x) => `((dayofyear(${x}) - isodow(${x}) + 10) // 7)`,
  '3': (x) => `weekofyear(${x})`,
  '5': (x) => `strftime(${x}, '%W')`,
};

function week(date: BoundExpression, mode: BoundExpression | undefined): BoundExpression {
  const number =
    mode === undefined ? '0' : mode.kind === 'literal' ? String(mode.value) : 'that is not constant';
  const render = weekModes[number];
  if (render === undefined)
    throw new MillraceError('SQL_UNSUPPORTED', `WEEK with mode ${number} is not supported`);
  return call(intType, [asDatetime(date)], ([x = '']) => `CAST(${render(x)} AS INTEGER)`, nullable);
}

/** ADDDATE and SUBDATE with a number of days; an INTERVAL argument is bound before it comes here. */
function addDays(sign: 1 | -1): ScalarFunction {
  return binary((date, days) => addInterval(date, days, 'day', sign));
}

function unixTimestamp(args: readonly BoundExpression[], context: FunctionContext): BoundExpression {
  const [date] = args;
  if (date === undefined) {
    return literal(
      bigintType,
      BigInt(Math.floor(Date.parse(`${context.session.now.replace(' ', 'T').slice(0, 23)}Z`) / 1000)),
    );
  }
  const value = asDatetime(date);
  const hasFraction =
    'fraction' in value.type && value.type.fraction === 6 && classOf(date.type) === 'datetime';
  return hasFraction
    ? call(
        decimalType(20, 6),
        [value],
        ([x]) => `CAST(CAST(epoch_us(${x}) AS DECIMAL(20,0)) * 0.000001 AS DECIMAL(20,6))`,
        nullable,
      )
    : call(bigintType, [value], ([x]) => `(epoch_us(${x}) // 1000000)`, nullable);
}

function fromUnixtime(seconds: BoundExpression, format: BoundExpression | undefined): BoundExpression {
  const whole = classOf(seconds.type) === 'integer';
  const type = whole ? datetimeType : datetime6Type;
  const date = whole
    ? call(
        type,
        [asInteger(seconds)],
        ([x]) => `CASE WHEN ${x} >= 0 THEN make_timestamp(${x} * 1000000) END`,
        nullable,
      )
    : call(
        type,
        [asDouble(seconds)],
        ([x]) => `CASE WHEN ${x} >= 0 THEN make_timestamp(CAST(round(${x} * 1000000) AS BIGINT)) END`,
        nullable,
      );
  return format === undefined ? date : dateFormat('FROM_UNIXTIME', date, format);
}

const truncUnits: ReadonlySet<string> = new Set([
  'microsecond',
  'second',
  'minute',
  'hour',
  'day',
  'week',
  'month',
  'quarter',
  'year',
]);

/** DATE_TRUNC(unit, date) with a constant unit. */
function dateTrunc(unit: BoundExpression, date: BoundExpression): BoundExpression {
  const name = unit.kind === 'literal' ? String(unit.value).toLowerCase() : '';
  if (!truncUnits.has(name))
    throw new MillraceError('SQL_UNSUPPORTED', "DATE_TRUNC needs a constant unit such as 'hour'");
  return call(
    name === 'microsecond' ? datetime6Type : datetimeType,
    [asDatetime(date)],
    ([x]) => `date_trunc('${name}', ${x})`,
    nullable,
  );
}

/** Minutes from UTC of `+02:00`, `UTC` and the like; undefined for named zones. */
function zoneOffsetMinutes(zone: BoundExpression): number | undefined {
  if (zone.kind !== 'literal' || typeof zone.value !== 'string') return undefined;
  if (/^(?:utc|gmt|system|z)$/i.test(zone.value)) return 0;
  const match = /^([+-])(\d{1,2}):(\d{2})$/.exec(zone.value);
  if (match === null) return undefined;
  return (match[1] === '-' ? -1 : 1) * (Number(match[2]) * 60 + Number(match[3]));
}

function convertZone(date: BoundExpression, from: BoundExpression, to: BoundExpression): BoundExpression {
  const fromMinutes = zoneOffsetMinutes(from);
  const toMinutes = zoneOffsetMinutes(to);
  if (fromMinutes === undefined || toMinutes === undefined) return literal(datetimeType, null);
  return addInterval(asDatetime(date), literal(bigintType, BigInt(toMinutes - fromMinutes)), 'minute', 1);
}

export const dateTimeFunctions: FunctionFamily = {
  NOW: current('datetime'),
  CURRENT_TIMESTAMP: current('datetime'),
  LOCALTIME: current('datetime'),
  LOCALTIMESTAMP: current('datetime'),
  SYSDATE: current('datetime'),
  UTC_TIMESTAMP: current('datetime'),
  CURDATE: current('date'),
  CURRENT_DATE: current('date'),
  UTC_DATE: current('date'),
  CURTIME: current('time'),
  CURRENT_TIME: current('time'),
  UTC_TIME: current('time'),
  UNIX_TIMESTAMP: { argumentsMin: 0, argumentsMax: 1, bind: unixTimestamp },
  FROM_UNIXTIME: unaryOrBinary(fromUnixtime),
  DATE: unary(asDate),
  TIME: unary(asTime),
  TIMESTAMP: unary(asDatetime),
  YEAR: datePart((x) => `year(${x})`),
  QUARTER: datePart((x) => `quarter(${x})`),
  MONTH: datePart((x) => `month(${x})`),
  DAY: datePart((x) => `day(${x})`),
  DAYOFMONTH: datePart((x) => `day(${x})`),
  DAYOFYEAR: datePart((x) => `dayofyear(${x})`),
  DAYOFWEEK: datePart((x) => `dayofweek(${x}) + 1`),
  WEEKDAY: datePart((x) => `isodow(${x}) - 1`),
  WEEKOFYEAR: datePart((x) => `weekofyear(${x})`),
  WEEK: unaryOrBinary(week),
  HOUR: timePart((x) => `hour(${x})`),
  MINUTE: timePart((x) => `minute(${x})`),
  SECOND: timePart((x) => `second(${x})`),
  MICROSECOND: timePart((x) => `microsecond(${x}) % 1000000`),
  DAYNAME: unary((a) => call(textTypeOf(9), [asDatetime(a)], ([x]) => `dayname(${x})`, nullable)),
  MONTHNAME: unary((a) => call(textTypeOf(9), [asDatetime(a)], ([x]) => `monthname(${x})`, nullable)),
  LAST_DAY: unary((a) => call(dateType, [asDatetime(a)], ([x]) => `last_day(${x})`, nullable)),
  // Day 0 of MySQL's count is 719,528 days before 1970-01-01.
  TO_DAYS: unary((a) =>
    call(bigintType, [asDate(a)], ([x]) => `(CAST(${x} - DATE '1970-01-01' AS BIGINT) + 719528)`, nullable),
  ),
  FROM_DAYS: unary((a) =>
    call(dateType, [asInteger(a)], ([x]) => `(DATE '1970-01-01' + CAST(${x} - 719528 AS INTEGER))`, nullable),
  ),
  MAKEDATE: binary((year, day) =>
    call(
      dateType,
      [asInteger(year), asInteger(day)],
      ([y, d]) => `CASE WHEN ${d} > 0 THEN make_date(${y}, 1, 1) + CAST(${d} - 1 AS INTEGER) END`,
      nullable,
    ),
  ),
  TIME_TO_SEC: unary((a) => call(bigintType, [asTime(a)], ([x]) => `(epoch_us(${x}) // 1000000)`, nullable)),
  DATEDIFF: binary((a, b) =>
    call(bigintType, [asDate(a), asDate(b)], ([x, y]) => `CAST(${x} - ${y} AS BIGINT)`, nullable),
  ),
  DATE_ADD: addDays(1),
  ADDDATE: addDays(1),
  DATE_SUB: addDays(-1),
  SUBDATE: addDays(-1),
  DATE_FORMAT: binary((date, format) => dateFormat('DATE_FORMAT', date, format)),
  TIME_FORMAT: binary((time, format) => dateFormat('TIME_FORMAT', asTime(time), format)),
  STR_TO_DATE: binary((text, format) => stringToDate(asText(text), format)),
  DATE_TRUNC: binary(dateTrunc),
  CONVERT_TZ: ternary(convertZone),
};
