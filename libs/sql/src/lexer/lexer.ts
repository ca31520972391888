import { code, isDigit, isHexDigit, isSpace, isWordCharacter } from './characters.ts';
import type { LexicalMode } from './sql-mode.ts';

/**
 * - `word`: keyword or unquoted identifier;
 * - `identifier`: quoted identifier;
 * - `integer`, `decimal` (with a point), `double` (with an exponent);
 * - `hex` and `bits`: in all their spellings;
 * - `userVariable`: `@name`;
 * - `symbol`: operators and punctuation;
 * - `invalid`: text that cannot be a token;
 * - `end`: the end of the text or a semicolon.
 */
export type TokenKind =
  | 'word'
  | 'identifier'
  | 'string'
  | 'integer'
  | 'decimal'
  | 'double'
  | 'hex'
  | 'bits'
  | 'userVariable'
  | 'symbol'
  | 'invalid'
  | 'end';

/** Longest first where one is the beginning of another. */
const symbolsByFirst = groupByFirst([
  '!:>',
  '::$',
  '::%',
  '::?',
  '<=>',
  '::',
  ':>',
  ':=',
  '<=',
  '<>',
  '<<',
  '>=',
  '>>',
  '!=',
  '&&',
  '||',
  '@@',
  ...'+-*/%&|^~!=<>(),.?@:',
]);

function groupByFirst(symbols: readonly string[]): ReadonlyMap<number, readonly string[]> {
  const groups = new Map<number, string[]>();
  for (const symbol of symbols) {
    const first = symbol.charCodeAt(0);
    const group = groups.get(first);
    if (group === undefined) groups.set(first, [symbol]);
    else group.push(symbol);
  }
  return groups;
}

/** Comments that begin with `/*!` and a number up to this MySQL version are read as text. */
const mysqlVersion = 50732;

/**
 * Splits text into tokens, one per call of `scan`, which describes it in the fields below; nothing is allocated per
 * token but the text of words. Time is linear in the length of the text.
 */
export class Lexer {
  kind: TokenKind = 'end';
  /** Upper case for `word`, the symbol itself for `symbol`, the problem for `invalid`, otherwise empty. */
  text = '';
  /** Offset of the first character. */
  start = 0;
  /** Offset after the last character. */
  end = 0;
  /** Whether a quoted token contains escapes or doubled quotes. */
  escaped = false;

  readonly #source: string;
  readonly #mode: LexicalMode;
  #inVersionComment = false;

  constructor(source: string, start: number, mode: LexicalMode) {
    this.#source = source;
    this.end = start;
    this.#mode = mode;
  }

  /** Moves to the next token. After `invalid` and `end` it stays there; a semicolon is not part of `end`. */
  scan(): void {
    if (this.kind === 'invalid') return;
    this.escaped = false;
    const unterminated = this.#skipSpace();
    this.start = this.end;
    if (unterminated) {
      this.#fail('this comment is not closed');
      return;
    }
    const source = this.#source;
    const first = source.charCodeAt(this.start);
    if (this.start >= source.length || source[this.start] === ';') {
      this.#finish('end', '', this.start);
    } else if (isDigit(first) || (first === code.dot && isDigit(source.charCodeAt(this.start + 1)))) {
      this.#scanNumber(first);
    } else if (isWordCharacter(first)) {
      this.#scanWord(first);
    } else if (first === code.singleQuote) {
      this.#scanQuoted('string', this.start, !this.#mode.noBackslashEscapes);
    } else if (first === code.doubleQuote) {
      const kind = this.#mode.ansiQuotes ? 'identifier' : 'string';
      this.#scanQuoted(kind, this.start, kind === 'string' && !this.#mode.noBackslashEscapes);
    } else if (first === code.backQuote) {
      this.#scanQuoted('identifier', this.start, false);
    } else if (first === code.at && this.#scanUserVariable()) {
      // described by the test
    } else {
      this.#scanSymbol(first);
    }
  }

  #finish(kind: TokenKind, text: string, end: number): void {
    this.kind = kind;
    this.text = text;
    this.end = end;
  }

  #fail(problem: string): void {
    this.#finish('invalid', problem, this.#source.length);
  }

  /** Skips blanks and comments. True: a comment has no end. */
  #skipSpace(): boolean {
    const source = this.#source;
    for (;;) {
      const character = source.charCodeAt(this.end);
      const next = source.charCodeAt(this.end + 1);
      if (isSpace(character)) {
        this.end += 1;
      } else if (character === code.hash) {
        this.#skipLine();
      } else if (
        character === code.minus &&
        next === code.minus &&
        !(source.charCodeAt(this.end + 2) > code.space)
      ) {
        this.#skipLine();
      } else if (character === code.slash && next === code.asterisk) {
        if (!this.#enterVersionComment() && !this.#skipComment()) return true;
      } else if (this.#inVersionComment && character === code.asterisk && next === code.slash) {
        this.#inVersionComment = false;
        this.end += 2;
      } else {
        return false;
      }
    }
  }

  #skipLine(): void {
    const newline = this.#source.indexOf('\n', this.end);
    this.end = newline === -1 ? this.#source.length : newline + 1;
  }

  #skipComment(): boolean {
    const close = this.#source.indexOf('*/', this.end + 2);
    if (close === -1) return false;
    this.end = close + 2;
    return true;
  }

  /** Steps into a comment that MySQL executes: without version number, or with one up to ours. */
  #enterVersionComment(): boolean {
    if (this.#source.charCodeAt(this.end + 2) !== code.exclamation) return false;
    let at = this.end + 3;
    while (at < this.end + 9 && isDigit(this.#source.charCodeAt(at))) at += 1;
    const digits = at - (this.end + 3);
    if (digits >= 5 && Number(this.#source.slice(this.end + 3, at)) > mysqlVersion) return false;
    this.#inVersionComment = true;
    this.end = digits >= 5 ? at : this.end + 3;
    return true;
  }

  #wordEnd(from: number): number {
    let at = from;
    while (isWordCharacter(this.#source.charCodeAt(at))) at += 1;
    return at;
  }

  #digitsEnd(from: number): number {
    let at = from;
    while (isDigit(this.#source.charCodeAt(at))) at += 1;
    return at;
  }

  #scanWord(first: number): void {
    const source = this.#source;
    const start = this.start;
    if (source.charCodeAt(start + 1) === code.singleQuote) {
      const lower = first | 0x20;
      if (lower === code.lowerX || lower === code.lowerB) {
        this.#scanQuotedDigits(lower === code.lowerX ? 'hex' : 'bits');
        return;
      }
    }
    this.#finishWord(this.#wordEnd(start));
  }

  #scanQuotedDigits(kind: 'hex' | 'bits'): void {
    const accepts = kind === 'hex' ? isHexDigit : isBit;
    let at = this.start + 2;
    while (accepts(this.#source.charCodeAt(at))) at += 1;
    if (this.#source.charCodeAt(at) !== code.singleQuote) {
      this.#fail(`this ${kind === 'hex' ? 'hexadecimal' : 'bit'} literal is malformed`);
    } else if (kind === 'hex' && (at - this.start) % 2 !== 0) {
      this.#fail('this hexadecimal literal has an odd number of digits');
    } else {
      this.#finish(kind, '', at + 1);
    }
  }

  #scanNumber(first: number): void {
    const wordEnd = this.#wordEnd(this.start);
    const radix = first === 0x30 ? this.#radixKind(wordEnd) : undefined;
    if (radix !== undefined) {
      this.#finish(radix, '', wordEnd);
      return;
    }
    const integerEnd = this.#digitsEnd(this.start);
    const isDecimal = this.#source.charCodeAt(integerEnd) === code.dot;
    const end = isDecimal ? this.#digitsEnd(integerEnd + 1) : integerEnd;
    const exponentEnd = this.#exponentEnd(end);
    if (exponentEnd > end) this.#finish('double', '', exponentEnd);
    else if (isDecimal) this.#finish('decimal', '', end);
    // 1st and 2x are identifiers, as in MySQL; 1.5x is not.
    else if (wordEnd > end) this.#finishWord(wordEnd);
    else this.#finish('integer', '', end);
  }

  #finishWord(end: number): void {
    this.#finish('word', this.#source.slice(this.start, end).toUpperCase(), end);
  }

  /** Whether the word is `0x` with hexadecimal digits or `0b` with bits. */
  #radixKind(wordEnd: number): 'hex' | 'bits' | undefined {
    const second = this.#source.charCodeAt(this.start + 1);
    const digits = this.start + 2;
    if (wordEnd <= digits) return undefined;
    if (second === code.lowerX && this.#allBetween(digits, wordEnd, isHexDigit)) return 'hex';
    if (second === code.lowerB && this.#allBetween(digits, wordEnd, isBit)) return 'bits';
    return undefined;
  }

  /** The offset after `e[+-]digits` at an offset, or the same offset if none is there. */
  #exponentEnd(at: number): number {
    const source = this.#source;
    const character = source.charCodeAt(at);
    if (character !== code.lowerE && character !== code.upperE) return at;
    const sign = source.charCodeAt(at + 1);
    const digits = sign === code.plus || sign === code.minus ? at + 2 : at + 1;
    const end = this.#digitsEnd(digits);
    return end > digits ? end : at;
  }

  #allBetween(from: number, to: number, accepts: (character: number) => boolean): boolean {
    for (let at = from; at < to; at += 1) if (!accepts(this.#source.charCodeAt(at))) return false;
    return true;
  }

  /** Scans a quoted token whose opening quote stands at `open`. */
  #scanQuoted(kind: 'string' | 'identifier' | 'userVariable', open: number, backslashEscapes: boolean): void {
    const source = this.#source;
    const quote = source.charCodeAt(open);
    for (let at = open + 1; at < source.length; at += 1) {
      const character = source.charCodeAt(at);
      if (character === code.backslash && backslashEscapes) {
        this.escaped = true;
        at += 1;
      } else if (character === quote) {
        if (source.charCodeAt(at + 1) !== quote) {
          this.#finish(kind, '', at + 1);
          return;
        }
        this.escaped = true;
        at += 1;
      }
    }
    this.#fail(kind === 'string' ? 'this string is not closed' : 'this quoted name is not closed');
  }

  /** `@name`, `@'name'`; false for `@@` and a bare `@`. */
  #scanUserVariable(): boolean {
    const source = this.#source;
    const next = source.charCodeAt(this.start + 1);
    if (next === code.singleQuote || next === code.doubleQuote || next === code.backQuote) {
      const backslashEscapes = next !== code.backQuote && !this.#mode.noBackslashEscapes;
      this.#scanQuoted('userVariable', this.start + 1, backslashEscapes);
      return true;
    }
    let at = this.start + 1;
    while (isWordCharacter(source.charCodeAt(at)) || source.charCodeAt(at) === code.dot) at += 1;
    if (at === this.start + 1) return false;
    this.#finish('userVariable', '', at);
    return true;
  }

  #scanSymbol(first: number): void {
    for (const symbol of symbolsByFirst.get(first) ?? []) {
      if (this.#source.startsWith(symbol, this.start)) {
        this.#finish('symbol', symbol, this.start + symbol.length);
        return;
      }
    }
    this.#fail('this character cannot start a word');
  }
}

function isBit(character: number): boolean {
  return character === 0x30 || character === 0x31;
}
