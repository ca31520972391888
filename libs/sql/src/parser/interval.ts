import type { IntervalUnit } from '../ast/expression.ts';
import type { Parser } from './parser.ts';

const intervalUnits: Readonly<Record<string, IntervalUnit>> = {
  MICROSECOND: 'microsecond',
  SECOND: 'second',
  MINUTE: 'minute',
  HOUR: 'hour',
  DAY: 'day',
  WEEK: 'week',
  MONTH: 'month',
  QUARTER: 'quarter',
  YEAR: 'year',
  SECOND_MICROSECOND: 'second_microsecond',
  MINUTE_MICROSECOND: 'minute_microsecond',
  MINUTE_SECOND: 'minute_second',
  HOUR_MICROSECOND: 'hour_microsecond',
  HOUR_SECOND: 'hour_second',
  HOUR_MINUTE: 'hour_minute',
  DAY_MICROSECOND: 'day_microsecond',
  DAY_SECOND: 'day_second',
  DAY_MINUTE: 'day_minute',
  DAY_HOUR: 'day_hour',
  YEAR_MONTH: 'year_month',
};

/** Parses the unit of an interval; ODBC spellings such as SQL_TSI_DAY mean the same. */
export function parseIntervalUnit(parser: Parser): IntervalUnit {
  const unit = intervalUnits[parser.tokens.text().replace(/^SQL_TSI_/, '')];
  if (parser.tokens.kind() !== 'word' || unit === undefined) parser.fail('an interval unit such as DAY');
  parser.tokens.advance();
  return unit;
}
