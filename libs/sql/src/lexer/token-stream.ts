import { Lexer, type TokenKind } from './lexer.ts';
import type { LexicalMode } from './sql-mode.ts';
import { unquote } from './string-text.ts';

/** Tokens that can be looked at before they are taken. A power of two. */
const window = 8;
const mask = window - 1;

/**
 * The tokens of one statement with bounded look-ahead, read from the text as they are needed, so that memory does not
 * grow with the statement and a bad token is met only when the parser gets there.
 */
export class TokenStream {
  readonly source: string;
  readonly mode: LexicalMode;
  /** Offset after the last token taken. */
  previousEnd: number;

  readonly #lexer: Lexer;
  readonly #kinds: TokenKind[] = new Array<TokenKind>(window).fill('end');
  readonly #texts: string[] = new Array<string>(window).fill('');
  readonly #starts = new Int32Array(window);
  readonly #ends = new Int32Array(window);
  readonly #escaped = new Uint8Array(window);
  #head = 0;
  #count = 0;

  constructor(source: string, start: number, mode: LexicalMode) {
    this.source = source;
    this.mode = mode;
    this.previousEnd = start;
    this.#lexer = new Lexer(source, start, mode);
    this.#fill(1);
  }

  /** Kind of the current token, or of one up to 7 places after it. */
  kind(ahead = 0): TokenKind {
    return this.#kinds[this.#slot(ahead)] ?? 'end';
  }

  /** The word in upper case, the symbol, or (for `invalid`) the problem; empty for other kinds. */
  text(ahead = 0): string {
    return this.#texts[this.#slot(ahead)] ?? '';
  }

  /** Offset of the current token. */
  start(ahead = 0): number {
    return this.#starts[this.#slot(ahead)] ?? 0;
  }

  end(ahead = 0): number {
    return this.#ends[this.#slot(ahead)] ?? 0;
  }

  /** The current token as written. */
  raw(ahead = 0): string {
    const slot = this.#slot(ahead);
    return this.source.slice(this.#starts[slot], this.#ends[slot]);
  }

  /** The value of the current `word`, `identifier`, `string` or `userVariable` (without its `@`). */
  value(): string {
    const slot = this.#slot(0);
    const kind = this.#kinds[slot];
    const start = (this.#starts[slot] ?? 0) + (kind === 'userVariable' ? 1 : 0);
    const end = this.#ends[slot] ?? 0;
    const quote = this.source.charAt(start);
    if (quote !== "'" && quote !== '"' && quote !== '`') return this.source.slice(start, end);
    const body = this.source.slice(start + 1, end - 1);
    if (this.#escaped[slot] === 0) return body;
    const backslashEscapes = quote !== '`' && kind !== 'identifier' && !this.mode.noBackslashEscapes;
    return unquote(body, quote, backslashEscapes);
  }

  advance(): void {
    this.previousEnd = this.#ends[this.#head & mask] ?? 0;
    this.#head += 1;
    this.#count -= 1;
    if (this.#count === 0) this.#fill(1);
  }

  #slot(ahead: number): number {
    if (ahead >= this.#count) this.#fill(ahead + 1);
    return (this.#head + ahead) & mask;
  }

  #fill(count: number): void {
    const lexer = this.#lexer;
    while (this.#count < count) {
      const slot = (this.#head + this.#count) & mask;
      lexer.scan();
      this.#kinds[slot] = lexer.kind;
      this.#texts[slot] = lexer.text;
      this.#starts[slot] = lexer.start;
      this.#ends[slot] = lexer.end;
      this.#escaped[slot] = lexer.escaped ? 1 : 0;
      this.#count += 1;
    }
  }
}
