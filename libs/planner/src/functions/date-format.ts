import { MillraceError } from '@millrace/errors/millrace-error';
import type { SqlType } from '@millrace/values/sql-type';
import { type BoundExpression, call } from '../bound/bound-expression.ts';
import { quoteLiteral } from '../render/sql-text.ts';
import { asDatetime, asText } from '../types/convert.ts';
import {
  classOf,
  dateType,
  datetime6Type,
  datetimeType,
  longtextType,
  time6Type,
  timeType,
} from '../types/type-class.ts';

/** MySQL's format letters as DuckDB's; the same letters serve for writing and, where `parse`, for reading. */
const letters: Readonly<
  Record<string, { readonly engine: string; readonly part: 'date' | 'time'; readonly parse: boolean }>
> = {
  a: { engine: '%a', part: 'date', parse: true },
  b: { engine: '%b', part: 'date', parse: true },
  c: { engine: '%-m', part: 'date', parse: true },
  d: { engine: '%d', part: 'date', parse: true },
  e: { engine: '%-d', part: 'date', parse: true },
  f: { engine: '%f', part: 'time', parse: true },
  H: { engine: '%H', part: 'time', parse: true },
  h: { engine: '%I', part: 'time', parse: true },
  I: { engine: '%I', part: 'time', parse: true },
  i: { engine: '%M', part: 'time', parse: true },
  j: { engine: '%j', part: 'date', parse: true },
  k: { engine: '%-H', part: 'time', parse: true },
  l: { engine: '%-I', part: 'time', parse: true },
  M: { engine: '%B', part: 'date', parse: true },
  m: { engine: '%m', part: 'date', parse: true },
  p: { engine: '%p', part: 'time', parse: true },
  r: { engine: '%I:%M:%S %p', part: 'time', parse: true },
  S: { engine: '%S', part: 'time', parse: true },
  s: { engine: '%S', part: 'time', parse: true },
  T: { engine: '%H:%M:%S', part: 'time', parse: true },
  U: { engine: '%U', part: 'date', parse: false },
  v: { engine: '%V', part: 'date', parse: false },
  W: { engine: '%A', part: 'date', parse: true },
  w: { engine: '%w', part: 'date', parse: false },
  x: { engine: '%G', part: 'date', parse: false },
  Y: { engine: '%Y', part: 'date', parse: true },
  y: { engine: '%y', part: 'date', parse: true },
};

type FormatPiece = { readonly kind: 'engine'; readonly format: string } | { readonly kind: 'daySuffix' };

interface TranslatedFormat {
  readonly pieces: readonly FormatPiece[];
  readonly parts: ReadonlySet<'date' | 'time'>;
  readonly fraction: boolean;
}

function constantFormat(name: string, format: BoundExpression): string {
  if (format.kind === 'literal' && typeof format.value === 'string') return format.value;
  throw new MillraceError('SQL_UNSUPPORTED', `${name} needs a constant format`);
}

function translate(name: string, format: string, parsing: boolean): TranslatedFormat {
  const pieces: FormatPiece[] = [];
  const parts = new Set<'date' | 'time'>();
  let text = '';
  let fraction = false;
  for (let at = 0; at < format.length; at += 1) {
    const character = format[at] ?? '';
    if (character !== '%' || at + 1 === format.length) {
      text += character === '%' ? '%%' : character;
      continue;
    }
    at += 1;
    const letter = format[at] ?? '';
    const known = letters[letter];
    if (letter === 'D' && !parsing) {
      pieces.push({ kind: 'engine', format: `${text}%-d` }, { kind: 'daySuffix' });
      parts.add('date');
      text = '';
    } else if (known !== undefined) {
      if (parsing && !known.parse)
        throw new MillraceError('SQL_UNSUPPORTED', `${name} does not read %${letter}`);
      text += known.engine;
      parts.add(known.part);
      fraction ||= letter === 'f';
    } else if (/[A-Za-z]/.test(letter) && 'DVXu'.includes(letter)) {
      throw new MillraceError('SQL_UNSUPPORTED', `${name} does not support %${letter}`);
    } else {
      // Any other letter stands for itself.
      text += letter === '%' ? '%%' : letter;
    }
  }
  if (text !== '') pieces.push({ kind: 'engine', format: text });
  return { pieces, parts, fraction };
}

const daySuffix = (x: string) =>
  `CASE WHEN day(${x}) IN (1, 21, 31) THEN 'st' WHEN day(${x}) IN (2, 22) THEN 'nd' WHEN day(${x}) IN (3, 23) THEN 'rd' ELSE 'th' END`;

/** DATE_FORMAT and TIME_FORMAT with a constant format. */
export function dateFormat(name: string, date: BoundExpression, format: BoundExpression): BoundExpression {
  const { pieces } = translate(name, constantFormat(name, format), false);
  const operand =
    classOf(date.type) === 'time'
      ? call(datetime6Type, [date], ([x]) => `(DATE '1970-01-01' + ${x})`)
      : asDatetime(date);
  return call(
    longtextType,
    [operand],
    ([x = '']) => {
      const texts = pieces.map((piece) =>
        piece.kind === 'daySuffix' ? daySuffix(x) : `strftime(${x}, ${quoteLiteral(piece.format)})`,
      );
      return texts.length === 0 ? `CASE WHEN ${x} IS NOT NULL THEN '' END` : `(${texts.join(' || ')})`;
    },
    { nullable: true },
  );
}

/** STR_TO_DATE with a constant format: a date, a time or both, as the format says; NULL for text that does not match. */
export function stringToDate(text: BoundExpression, format: BoundExpression): BoundExpression {
  const { pieces, parts, fraction } = translate('STR_TO_DATE', constantFormat('STR_TO_DATE', format), true);
  const engineFormat = pieces.map((piece) => (piece.kind === 'engine' ? piece.format : '')).join('');
  const type = readType(parts, fraction);
  return call(
    type,
    [asText(text)],
    ([x]) => {
      const parsed = `try_strptime(${x}, ${quoteLiteral(engineFormat)})`;
      if (type.kind === 'datetime') return parsed;
      return `CAST(${parsed} AS ${type.kind === 'date' ? 'DATE' : 'TIME'})`;
    },
    { nullable: true },
  );
}

function readType(parts: ReadonlySet<'date' | 'time'>, fraction: boolean): SqlType {
  if (!parts.has('time')) return dateType;
  if (!parts.has('date')) return fraction ? time6Type : timeType;
  return fraction ? datetime6Type : datetimeType;
}
