import { MillraceError } from '@millrace/errors/millrace-error';
import type { SqlType } from '@millrace/values/sql-type';
import type { CastExpression } from '../ast/expression.ts';
import type { Parser } from './parser.ts';

/** A column type with the text attributes that may follow its name. */
export interface DataType {
  readonly type: SqlType;
  readonly characterSet: string | undefined;
  readonly collation: string | undefined;
}

type TypeParser = (parser: Parser) => SqlType;

/** Parses a column type. @throws TYPE_INVALID for lengths out of range, SQL_UNSUPPORTED for types not implemented */
export function parseDataType(parser: Parser): DataType {
  return { type: parseSqlType(parser), ...parseTextAttributes(parser) };
}

function parseSqlType(parser: Parser): SqlType {
  const word = parser.tokens.text();
  const parseType = parser.tokens.kind() === 'word' && Object.hasOwn(types, word) ? types[word] : undefined;
  if (parseType === undefined) {
    if (unsupportedTypes.has(word)) parser.unsupported(`the type ${word}`);
    parser.fail('a type');
  }
  parser.tokens.advance();
  return parseType(parser);
}

/** Parses the type of a cast; see {@link CastExpression} for what the words mean in CAST. */
export function parseCastType(parser: Parser, form: CastExpression['form']): SqlType {
  if (form === 'cast') {
    const sign = parser.acceptAny('SIGNED', 'UNSIGNED');
    if (sign !== undefined) {
      parser.acceptAny('INTEGER', 'INT');
      return { kind: 'bigint', unsigned: sign === 'UNSIGNED' };
    }
    if (parser.acceptAny('CHAR', 'CHARACTER', 'NCHAR') !== undefined) {
      const type = parser.at('(') ? parseVarchar(parser) : ({ kind: 'longtext' } as const);
      parseTextAttributes(parser);
      return type;
    }
    if (parser.at('BINARY') && !parser.at('(', 1)) {
      parser.expect('BINARY');
      return { kind: 'longblob' };
    }
  }
  const type = parseSqlType(parser);
  if (form === 'cast') parseTextAttributes(parser);
  // A COLLATE after `x :> type` applies to the whole expression.
  else if (parser.acceptAll('CHARACTER', 'SET') || parser.accept('CHARSET')) parseCharacterSetName(parser);
  return type;
}

const fixed =
  (type: SqlType): TypeParser =>
  () =>
    type;

const types: Readonly<Record<string, TypeParser>> = {
  BOOL: fixed({ kind: 'bool' }),
  BOOLEAN: fixed({ kind: 'bool' }),
  TINYINT: parseTinyint,
  INT1: parseTinyint,
  SMALLINT: integer('smallint'),
  INT2: integer('smallint'),
  MEDIUMINT: integer('mediumint'),
  MIDDLEINT: integer('mediumint'),
  INT3: integer('mediumint'),
  INT: integer('int'),
  INTEGER: integer('int'),
  INT4: integer('int'),
  BIGINT: integer('bigint'),
  INT8: integer('bigint'),
  FLOAT: parseFloatType,
  FLOAT4: (parser) => approximate(parser, 'float'),
  DOUBLE(parser) {
    parser.accept('PRECISION');
    return approximate(parser, 'double');
  },
  REAL: (parser) => approximate(parser, 'double'),
  FLOAT8: (parser) => approximate(parser, 'double'),
  DECIMAL: parseDecimal,
  DEC: parseDecimal,
  FIXED: parseDecimal,
  NUMERIC: parseDecimal,
  CHAR: parseChar,
  CHARACTER: parseChar,
  NCHAR: parseChar,
  VARCHAR: parseVarchar,
  VARCHARACTER: parseVarchar,
  NVARCHAR: parseVarchar,
  TINYTEXT: fixed({ kind: 'tinytext' }),
  TEXT: ignoringLength({ kind: 'text' }),
  MEDIUMTEXT: fixed({ kind: 'mediumtext' }),
  LONGTEXT: fixed({ kind: 'longtext' }),
  BINARY: (parser) => ({ kind: 'binary', length: optionalLength(parser, 'BINARY', 1, 255) }),
  VARBINARY: (parser) => ({ kind: 'varbinary', length: requiredLength(parser, 'VARBINARY', 65_535) }),
  TINYBLOB: fixed({ kind: 'tinyblob' }),
  BLOB: ignoringLength({ kind: 'blob' }),
  MEDIUMBLOB: fixed({ kind: 'mediumblob' }),
  LONGBLOB: fixed({ kind: 'longblob' }),
  DATE: fixed({ kind: 'date' }),
  TIME: temporal('time'),
  DATETIME: temporal('datetime'),
  TIMESTAMP: temporal('timestamp'),
  JSON: fixed({ kind: 'json' }),
};

const unsupportedTypes: ReadonlySet<string> = new Set([
  'BIT',
  'BSON',
  'ENUM',
  'GEOGRAPHY',
  'GEOGRAPHYPOINT',
  'GEOMETRY',
  'LONG',
  'POINT',
  'SET',
  'VECTOR',
  'YEAR',
]);

function integer(kind: 'smallint' | 'mediumint' | 'int' | 'bigint'): TypeParser {
  return (parser) => {
    parseDisplayWidth(parser);
    return { kind, unsigned: parseSign(parser) };
  };
}

/** TINYINT(1) is how clients write, and servers show, BOOL. */
function parseTinyint(parser: Parser): SqlType {
  const width = parseDisplayWidth(parser);
  const unsigned = parseSign(parser);
  return width === 1 && !unsigned ? { kind: 'bool' } : { kind: 'tinyint', unsigned };
}

function parseDisplayWidth(parser: Parser): number | undefined {
  return parser.at('(') ? parseNumbers(parser, 1)[0] : undefined;
}

/** True: unsigned, which ZEROFILL implies. */
function parseSign(parser: Parser): boolean {
  let unsigned = false;
  for (;;) {
    const word = parser.acceptAny('UNSIGNED', 'SIGNED', 'ZEROFILL');
    if (word === undefined) return unsigned;
    if (word !== 'SIGNED') unsigned = true;
  }
}

function parseFloatType(parser: Parser): SqlType {
  if (!parser.at('(')) return approximate(parser, 'float');
  const [precision = 0, digits] = parseNumbers(parser, 2);
  parseSign(parser);
  // FLOAT(p) names the bits of the mantissa; FLOAT(m, d) is a display format.
  return { kind: digits === undefined && precision > 24 ? 'double' : 'float' };
}

function approximate(parser: Parser, kind: 'float' | 'double'): SqlType {
  if (parser.at('(')) parseNumbers(parser, 2);
  parseSign(parser);
  return { kind };
}

function parseDecimal(parser: Parser): SqlType {
  const position = parser.position;
  const [precision = 10, scale = 0] = parser.at('(') ? parseNumbers(parser, 2) : [];
  parseSign(parser);
  if (precision < 1 || precision > 65 || scale > 30 || scale > precision) {
    invalidType(
      position,
      `DECIMAL(${precision},${scale}) is not possible: precision is 1 to 65, scale 0 to 30`,
    );
  }
  return { kind: 'decimal', precision, scale };
}

function parseChar(parser: Parser): SqlType {
  if (parser.accept('VARYING')) return parseVarchar(parser);
  return { kind: 'char', length: optionalLength(parser, 'CHAR', 1, 255) };
}

function parseVarchar(parser: Parser): SqlType {
  return { kind: 'varchar', length: requiredLength(parser, 'VARCHAR', 21_845) };
}

function temporal(kind: 'time' | 'datetime' | 'timestamp'): TypeParser {
  return (parser) => {
    const position = parser.position;
    const [fraction = 0] = parser.at('(') ? parseNumbers(parser, 1) : [];
    if (fraction === 0 || fraction === 6) return { kind, fraction };
    return invalidType(
      position,
      `${kind.toUpperCase()}(${fraction}) is not possible: the precision is 0 or 6`,
    );
  };
}

function ignoringLength(type: SqlType): TypeParser {
  return (parser) => {
    if (parser.at('(')) parseNumbers(parser, 1);
    return type;
  };
}

function optionalLength(parser: Parser, type: string, otherwise: number, max: number): number {
  return parser.at('(') ? requiredLength(parser, type, max) : otherwise;
}

function requiredLength(parser: Parser, type: string, max: number): number {
  const position = parser.position;
  const [length = 0] = parseNumbers(parser, 1);
  if (length > max) invalidType(position, `${type}(${length}) is too long: at most ${max}`);
  return length;
}

/** One to `countMax` numbers in parentheses. */
function parseNumbers(parser: Parser, countMax: number): number[] {
  const numbers = parser.parenthesized(() => Number(parser.integer('a number')));
  if (numbers.length > countMax) parser.fail(`at most ${countMax} numbers for the type`);
  return numbers;
}

function invalidType(position: number, message: string): never {
  throw new MillraceError('TYPE_INVALID', message, { detail: `at offset ${position}` });
}

/** Parses `CHARACTER SET x`, `COLLATE y` and their spellings in any order. */
export function parseTextAttributes(parser: Parser): Pick<DataType, 'characterSet' | 'collation'> {
  let characterSet: string | undefined;
  let collation: string | undefined;
  for (;;) {
    if (parser.acceptAll('CHARACTER', 'SET') || parser.accept('CHARSET')) {
      characterSet = parseCharacterSetName(parser);
    } else if (parser.accept('COLLATE')) {
      collation = parseCharacterSetName(parser);
    } else if (parser.at('BINARY') && !parser.at('(', 1)) {
      parser.tokens.advance();
    } else {
      return { characterSet, collation };
    }
  }
}

/** Parses the name of a character set or collation, quoted or not, as lower case. */
export function parseCharacterSetName(parser: Parser): string {
  return (parser.atString ? parser.string('a name') : parser.anyWord('a name')).toLowerCase();
}
