import { MillraceError } from '@millrace/errors/millrace-error';
import type { ObjectName } from '../ast/node.ts';
import { isReservedWord } from '../lexer/reserved-words.ts';
import type { LexicalMode } from '../lexer/sql-mode.ts';
import { syntaxError, unsupportedError } from '../lexer/syntax-error.ts';
import { TokenStream } from '../lexer/token-stream.ts';

/** How deep parentheses, subqueries and other recursive constructs may be nested. */
export const nestingDepthMax = 200;

/** The largest BIGINT UNSIGNED. */
export const integerMax = 2n ** 64n - 1n;
const integerDigitsMax = 20;

/**
 * What the functions that parse the single constructs share: the tokens, the primitives to take them, and the limits.
 * Every construct is a function of its own that takes a parser standing at its first token.
 */
export class Parser {
  readonly tokens: TokenStream;
  /** Number of `?` markers met so far. */
  parameterCount = 0;
  /** Number of nodes that were added to left-deep chains, which grow the tree without nesting. */
  chainedCount = 0;
  #depth = 0;

  constructor(source: string, start: number, mode: LexicalMode) {
    this.tokens = new TokenStream(source, start, mode);
  }

  /** Offset of the current token. */
  get position(): number {
    return this.tokens.start();
  }

  get atEnd(): boolean {
    return this.tokens.kind() === 'end';
  }

  /** Whether the current token, or one `ahead` places after it, is this keyword (upper case) or symbol. */
  at(text: string, ahead = 0): boolean {
    return this.tokens.text(ahead) === text;
  }

  /** Whether the next tokens are these keywords or symbols. */
  atAll(...texts: readonly string[]): boolean {
    return texts.every((text, ahead) => this.tokens.text(ahead) === text);
  }

  atAny(...texts: readonly string[]): boolean {
    return texts.includes(this.tokens.text());
  }

  accept(text: string): boolean {
    if (this.tokens.text() !== text) return false;
    this.tokens.advance();
    return true;
  }

  /** Takes all of these tokens or none. */
  acceptAll(...texts: readonly string[]): boolean {
    if (!this.atAll(...texts)) return false;
    for (const _ of texts) this.tokens.advance();
    return true;
  }

  /** Takes one of these tokens and returns which. */
  acceptAny<Text extends string>(...texts: readonly Text[]): Text | undefined {
    const found = texts.find((text) => text === this.tokens.text());
    if (found !== undefined) this.tokens.advance();
    return found;
  }

  expect(...texts: readonly string[]): void {
    for (const text of texts) if (!this.accept(text)) this.fail(text);
  }

  /** Takes one of the keys of a table and returns its value. */
  choose<Value>(choices: Readonly<Record<string, Value>>): Value {
    const text = this.tokens.text();
    const value = this.tokens.kind() === 'word' && Object.hasOwn(choices, text) ? choices[text] : undefined;
    if (value === undefined) this.fail(Object.keys(choices).join(' or '));
    this.tokens.advance();
    return value;
  }

  /** @throws SQL_SYNTAX naming the current token and what would have been right */
  fail(expected: string): never {
    const { tokens } = this;
    if (tokens.kind() === 'invalid') throw syntaxError(tokens.source, this.position, tokens.text());
    throw syntaxError(tokens.source, this.position, `found ${this.#found()}, expected ${expected}`);
  }

  #found(): string {
    const raw = this.tokens.raw();
    if (this.atEnd) return this.position < this.tokens.source.length ? "';'" : 'the end of the statement';
    return raw.length > 40 ? `${raw.slice(0, 40)}…` : raw;
  }

  /** The error for a mistake that is seen only after the tokens at fault were taken. */
  errorAt(position: number, problem: string): MillraceError {
    return syntaxError(this.tokens.source, position, problem);
  }

  /** @throws SQL_UNSUPPORTED naming the construct */
  unsupported(construct: string, position = this.position): never {
    throw unsupportedError(this.tokens.source, position, construct);
  }

  /** Whether the current token can be an identifier: quoted, or a word that is not reserved. */
  atIdentifier(ahead = 0): boolean {
    const kind = this.tokens.kind(ahead);
    return kind === 'identifier' || (kind === 'word' && !isReservedWord(this.tokens.text(ahead)));
  }

  /** Takes an identifier; its spelling is kept. */
  identifier(what: string): string {
    if (!this.atIdentifier()) this.fail(what);
    return this.#takeName(what);
  }

  /** Takes any word or quoted identifier: what may follow a point, where nothing is reserved. */
  anyWord(what: string): string {
    const kind = this.tokens.kind();
    if (kind !== 'identifier' && kind !== 'word') this.fail(what);
    return this.#takeName(what);
  }

  #takeName(what: string): string {
    const value = this.tokens.value();
    if (value === '') this.fail(`${what} that is not empty`);
    this.tokens.advance();
    return value;
  }

  /** `[database.]name`. */
  objectName(what: string): ObjectName {
    const position = this.position;
    const first = this.identifier(what);
    if (!this.accept('.')) return { database: undefined, name: first, position };
    return { database: first, name: this.anyWord(what), position };
  }

  get atString(): boolean {
    return this.tokens.kind() === 'string';
  }

  /** Takes a string literal; adjacent ones are joined. */
  string(what: string): string {
    if (!this.atString) this.fail(what);
    let value = this.tokens.value();
    this.tokens.advance();
    while (this.atString) {
      value += this.tokens.value();
      this.tokens.advance();
    }
    return value;
  }

  /** Takes an unsigned integer literal of up to 64 bits. */
  integer(what: string): bigint {
    if (this.tokens.kind() !== 'integer') this.fail(what);
    const digits = this.tokens.raw();
    const value = digits.length > integerDigitsMax ? undefined : BigInt(digits);
    if (value === undefined || value > integerMax) this.fail(`${what} of at most 64 bits`);
    this.tokens.advance();
    return value;
  }

  /** One or more items with commas between them. */
  list<Item>(item: () => Item): Item[] {
    const items = [item()];
    while (this.accept(',')) items.push(item());
    return items;
  }

  /** A list in parentheses. */
  parenthesized<Item>(item: () => Item): Item[] {
    this.expect('(');
    const items = this.list(item);
    this.expect(')');
    return items;
  }

  /**
   * Runs the parser of a construct that may contain itself.
   *
   * @throws SQL_TOO_COMPLEX beyond {@link nestingDepthMax}
   */
  nested<Node>(parse: () => Node): Node {
    this.#depth += 1;
    if (this.#depth > nestingDepthMax) {
      throw new MillraceError(
        'SQL_TOO_COMPLEX',
        `the statement is nested more than ${nestingDepthMax} levels deep`,
      );
    }
    const node = parse();
    this.#depth -= 1;
    return node;
  }
}
