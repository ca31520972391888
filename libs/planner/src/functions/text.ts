import { MillraceError } from '@millrace/errors/millrace-error';
import { type BoundExpression, call, literal } from '../bound/bound-expression.ts';
import { inList } from '../types/compare.ts';
import { asBlob, asInteger, asNumber, asText } from '../types/convert.ts';
import {
  bigintType,
  classOf,
  intType,
  isNumeric,
  longblobType,
  longtextType,
  textLengthOf,
  textTypeOf,
} from '../types/type-class.ts';
import { caseExpression } from './control.ts';
import {
  binary,
  binaryOrTernary,
  type FunctionFamily,
  type ScalarFunction,
  ternary,
  unary,
  variadic,
} from './scalar-function.ts';

type Render = (args: readonly string[]) => string;

/** No text longer than this is made by padding or repetition; MySQL's limit is max_allowed_packet. */
const madeTextLengthMax = 16_777_216;

function lengthOf(expression: BoundExpression): number | undefined {
  return textLengthOf(expression.type);
}

/** One text argument; the result is no longer than it. */
function textToText(render: Render): ScalarFunction {
  return unary((a) => call(textTypeOf(lengthOf(a)), [asText(a)], render));
}

function textToInteger(render: Render): ScalarFunction {
  return unary((a) => call(bigintType, [asText(a)], render));
}

/** Adds `length` unless undefined, which stays undefined. */
function sum(lengths: readonly (number | undefined)[]): number | undefined {
  return lengths.reduce<number | undefined>(
    (total, length) => (total === undefined || length === undefined ? undefined : total + length),
    0,
  );
}

function positiveConstant(expression: BoundExpression): boolean {
  return expression.kind === 'literal' && typeof expression.value === 'bigint' && expression.value > 0n;
}

function substring(
  text: BoundExpression,
  start: BoundExpression,
  length: BoundExpression | undefined,
): BoundExpression {
  const simple = positiveConstant(start) && (length === undefined || positiveConstant(length));
  const args = [asText(text), asInteger(start), ...(length === undefined ? [] : [asInteger(length)])];
  return call(textTypeOf(lengthOf(text)), args, ([s, from, count]) => {
    if (simple) return `substring(${[s, from, count].filter((part) => part !== undefined).join(', ')})`;
    const taken = count === undefined ? '' : `, CASE WHEN ${count} < 0 THEN 0 ELSE ${count} END`;
    return `CASE WHEN ${from} = 0 OR ${from} < -length(${s}) THEN left(${s}, 0) ELSE substring(${s}, ${from}${taken}) END`;
  });
}

function side(name: 'left' | 'right'): ScalarFunction {
  return binary((text, count) =>
    call(
      textTypeOf(lengthOf(text)),
      [asText(text), asInteger(count)],
      ([s, n]) => `${name}(${s}, CASE WHEN ${n} < 0 THEN 0 ELSE ${n} END)`,
    ),
  );
}

function pad(name: 'lpad' | 'rpad'): ScalarFunction {
  return ternary((text, length, padding) =>
    call(
      longtextType,
      [asText(text), asInteger(length), asText(padding)],
      ([s, n, p]) =>
        `CASE WHEN ${n} < 0 OR ${n} > ${madeTextLengthMax} OR (${p} = '' AND length(${s}) < ${n}) THEN NULL ELSE ${name}(${s}, CAST(${n} AS INTEGER), CASE WHEN ${p} = '' THEN ' ' ELSE ${p} END) END`,
      { nullable: true },
    ),
  );
}

function repeat(text: BoundExpression, count: BoundExpression): BoundExpression {
  return call(
    longtextType,
    [asText(text), asInteger(count)],
    ([s, n]) =>
      `CASE WHEN strlen(${s}) * CAST(${n} AS HUGEINT) > ${madeTextLengthMax} THEN NULL WHEN ${n} < 1 THEN left(${s}, 0) ELSE repeat(${s}, ${n}) END`,
    { nullable: true },
  );
}

function locate(
  wanted: BoundExpression,
  text: BoundExpression,
  start: BoundExpression | undefined,
): BoundExpression {
  if (start === undefined)
    return call(bigintType, [asText(text), asText(wanted)], ([s, w]) => `strpos(${s}, ${w})`);
  return call(
    bigintType,
    [asText(text), asText(wanted), asInteger(start)],
    ([s, w, from]) =>
      `CASE WHEN ${from} < 1 OR ${from} > length(${s}) + 1 OR strpos(substring(${s}, ${from}), ${w}) = 0 THEN 0 ELSE strpos(substring(${s}, ${from}), ${w}) + ${from} - 1 END`,
  );
}

/** TRIM, LTRIM, RTRIM: blanks, or a whole string as often as it stands there. */
export function trim(
  where: 'both' | 'leading' | 'trailing',
  text: BoundExpression,
  characters: BoundExpression | undefined,
): BoundExpression {
  const type = textTypeOf(lengthOf(text));
  if (characters === undefined) {
    const name = { both: 'trim', leading: 'ltrim', trailing: 'rtrim' }[where];
    return call(type, [asText(text)], ([s]) => `${name}(${s}, ' ')`);
  }
  const start = (s: string | undefined, c: string | undefined) =>
    `regexp_replace(${s}, '^(?:' || regexp_escape(${c}) || ')+', '')`;
  const end = (s: string | undefined, c: string | undefined) =>
    `regexp_replace(${s}, '(?:' || regexp_escape(${c}) || ')+$', '')`;
  return call(type, [asText(text), asText(characters)], ([s, c]) => {
    const trimmed =
      where === 'leading' ? start(s, c) : where === 'trailing' ? end(s, c) : end(start(s, c), c);
    return `CASE WHEN ${c} = '' THEN ${s} ELSE ${trimmed} END`;
  });
}

function concat(args: readonly BoundExpression[]): BoundExpression {
  return call(textTypeOf(sum(args.map(lengthOf))), args.map(asText), (parts) => `(${parts.join(' || ')})`);
}

function concatWithSeparator(args: readonly BoundExpression[]): BoundExpression {
  const [separator, ...rest] = args;
  return call(longtextType, args.map(asText), (parts) => `concat_ws(${parts.join(', ')})`, {
    nullable: separator?.nullable ?? rest.length === 0,
  });
}

function hexadecimal(value: BoundExpression): BoundExpression {
  if (isNumeric(value.type)) return call(textTypeOf(16), [asInteger(value)], ([x]) => `hex(${x})`);
  const length = lengthOf(value);
  return call(
    textTypeOf(length === undefined ? undefined : 8 * length),
    [asBlob(value)],
    ([x]) => `hex(${x})`,
  );
}

function sha2(value: BoundExpression, bits: BoundExpression): BoundExpression {
  const wanted = bits.kind === 'literal' ? bits.value : undefined;
  if (wanted !== 256n && wanted !== 0n)
    throw new MillraceError('SQL_UNSUPPORTED', 'SHA2 is supported with 256 bits only');
  return call(textTypeOf(64), [asBlob(value)], ([x]) => `sha256(${x})`);
}

function substringIndex(
  text: BoundExpression,
  delimiter: BoundExpression,
  count: BoundExpression,
): BoundExpression {
  return call(
    textTypeOf(lengthOf(text)),
    [asText(text), asText(delimiter), asInteger(count)],
    ([s, d, n]) =>
      `CASE WHEN ${d} = '' OR ${n} = 0 THEN left(${s}, 0) WHEN ${n} > 0 THEN array_to_string(string_split(${s}, ${d})[1:${n}], ${d}) ELSE array_to_string(string_split(${s}, ${d})[greatest(len(string_split(${s}, ${d})) + ${n} + 1, 1):], ${d}) END`,
  );
}

/** FIELD(x, a, b, …): position of x among the others, 0 when it is none of them. */
function field(args: readonly BoundExpression[]): BoundExpression {
  const [wanted, ...rest] = args;
  if (wanted === undefined) return literal(intType, 0n);
  const branches = rest.map((item, position) => ({
    when: inList(wanted, [item]),
    result: literal(intType, BigInt(position + 1)),
  }));
  return caseExpression(branches, literal(intType, 0n));
}

function elt(args: readonly BoundExpression[]): BoundExpression {
  const [index, ...items] = args;
  if (index === undefined) return literal({ kind: 'null' }, null);
  return caseExpression(
    items.map((item, position) => ({
      when: inList(asInteger(index), [literal(bigintType, BigInt(position + 1))]),
      result: item,
    })),
    undefined,
  );
}

function requireText(name: string, value: BoundExpression): BoundExpression {
  if (classOf(value.type) === 'null') return asText(value);
  if (classOf(value.type) !== 'text' && classOf(value.type) !== 'blob') {
    throw new MillraceError('VALUE_WRONG_TYPE', `${name} needs text`);
  }
  return asText(value);
}

export const textFunctions: FunctionFamily = {
  UPPER: textToText(([s]) => `upper(${s})`),
  UCASE: textToText(([s]) => `upper(${s})`),
  LOWER: textToText(([s]) => `lower(${s})`),
  LCASE: textToText(([s]) => `lower(${s})`),
  REVERSE: textToText(([s]) => `reverse(${s})`),
  LTRIM: unary((a) => trim('leading', a, undefined)),
  RTRIM: unary((a) => trim('trailing', a, undefined)),
  TRIM: unary((a) => trim('both', a, undefined)),
  LENGTH: unary((a) => call(bigintType, [asBlob(a)], ([x]) => `octet_length(${x})`)),
  OCTET_LENGTH: unary((a) => call(bigintType, [asBlob(a)], ([x]) => `octet_length(${x})`)),
  BIT_LENGTH: unary((a) => call(bigintType, [asBlob(a)], ([x]) => `(8 * octet_length(${x}))`)),
  CHAR_LENGTH: textToInteger(([s]) => `length(${s})`),
  CHARACTER_LENGTH: textToInteger(([s]) => `length(${s})`),
  ASCII: unary((a) =>
    call(
      intType,
      [asBlob(a)],
      ([x]) =>
        `CAST(CASE WHEN octet_length(${x}) = 0 THEN 0 ELSE CAST('0x' || left(hex(${x}), 2) AS INTEGER) END AS INTEGER)`,
    ),
  ),
  CHAR: variadic(1, (args) =>
    call(
      longblobType,
      args.map(asInteger),
      (codes) =>
        `from_hex(${codes.map((code) => `coalesce(lpad(hex(${code} & 255), 2, '0'), '')`).join(' || ')})`,
    ),
  ),
  CONCAT: variadic(1, concat),
  CONCAT_WS: variadic(2, concatWithSeparator),
  SUBSTRING: binaryOrTernary(substring),
  SUBSTR: binaryOrTernary(substring),
  MID: binaryOrTernary(substring),
  LEFT: side('left'),
  RIGHT: side('right'),
  LPAD: pad('lpad'),
  RPAD: pad('rpad'),
  REPEAT: binary(repeat),
  SPACE: unary((count) => repeat(literal({ kind: 'varchar', length: 1 }, ' '), count)),
  REPLACE: ternary((text, from, to) =>
    call(
      longtextType,
      [asText(text), asText(from), asText(to)],
      ([s, f, t]) => `CASE WHEN ${f} = '' THEN ${s} ELSE replace(${s}, ${f}, ${t}) END`,
    ),
  ),
  INSTR: binary((text, wanted) => locate(wanted, text, undefined)),
  LOCATE: binaryOrTernary(locate),
  POSITION: binary((wanted, text) => locate(wanted, text, undefined)),
  STRCMP: binary((a, b) =>
    call(
      intType,
      [asText(a), asText(b)],
      ([x, y]) => `CASE WHEN ${x} < ${y} THEN -1 WHEN ${x} > ${y} THEN 1 WHEN ${x} = ${y} THEN 0 END`,
    ),
  ),
  SUBSTRING_INDEX: ternary(substringIndex),
  FIELD: variadic(2, field),
  ELT: variadic(2, elt),
  FIND_IN_SET: binary((wanted, list) =>
    call(
      bigintType,
      [asText(wanted), asText(list)],
      ([w, l]) =>
        `CASE WHEN ${w} IS NOT NULL AND ${l} IS NOT NULL THEN coalesce(list_position(string_split(${l}, ','), ${w}), 0) END`,
    ),
  ),
  HEX: unary(hexadecimal),
  UNHEX: unary((a) =>
    call(
      longblobType,
      [asText(a)],
      ([x]) => `CASE WHEN regexp_full_match(${x}, '([0-9A-Fa-f]{2})*') THEN from_hex(${x}) END`,
      { nullable: true },
    ),
  ),
  TO_BASE64: unary((a) => call(longtextType, [asBlob(a)], ([x]) => `to_base64(${x})`)),
  FROM_BASE64: unary((a) =>
    call(
      longblobType,
      [asText(a)],
      ([x]) => `CASE WHEN ${x} = '' THEN encode('') ELSE from_base64(${x}) END`,
    ),
  ),
  MD5: unary((a) => call(textTypeOf(32), [asBlob(a)], ([x]) => `md5(${x})`)),
  SHA: unary((a) => call(textTypeOf(40), [asBlob(a)], ([x]) => `sha1(${x})`)),
  SHA1: unary((a) => call(textTypeOf(40), [asBlob(a)], ([x]) => `sha1(${x})`)),
  SHA2: binary(sha2),
  REGEXP_REPLACE: ternary((text, pattern, replacement) =>
    call(
      longtextType,
      [requireText('REGEXP_REPLACE', text), asText(pattern), asText(replacement)],
      ([s, p, r]) => `regexp_replace(${s}, ${p}, ${r}, 'g')`,
    ),
  ),
  REGEXP_SUBSTR: binary((text, pattern) =>
    call(
      longtextType,
      [asText(text), asText(pattern)],
      ([s, p]) => `CASE WHEN regexp_matches(${s}, ${p}) THEN regexp_extract(${s}, ${p}) END`,
      { nullable: true },
    ),
  ),
  BIN: unary((a) => call(textTypeOf(64), [asInteger(asNumber(a))], ([x]) => `bin(${x})`)),
};
