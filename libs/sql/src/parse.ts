import { MillraceError } from '@millrace/errors/millrace-error';
import type { Expression } from './ast/expression.ts';
import type { Statement } from './ast/statement.ts';
import { lexicalModeOf } from './lexer/sql-mode.ts';
import { parseExpression as parseExpressionTokens } from './parser/expression.ts';
import { Parser } from './parser/parser.ts';
import { parseStatementBody } from './parser/statement.ts';
import { checkTreeHeight } from './parser/tree-height.ts';

export interface ParseOptions {
  /** Value of the `sql_mode` variable; ANSI_QUOTES, NO_BACKSLASH_ESCAPES, PIPES_AS_CONCAT and ANSI change the reading. */
  readonly sqlMode?: string;
}

/** One statement of a text. */
export interface ParsedStatement {
  readonly statement: Statement;
  /** The statement as written, without its semicolon. */
  readonly text: string;
  /** Number of `?` markers. */
  readonly parameterCount: number;
  /** Offset in the whole text where the next statement may begin. */
  readonly next: number;
}

/** Longest accepted text, in UTF-16 code units: the tree of a statement takes many times its text in memory. */
export const textLengthMax = 32 * 1024 * 1024;

/**
 * Parses the first statement at or after an offset; empty statements are skipped. Call it again with `next` after
 * running the statement, since that may change `sql_mode`, and a mistake in a later statement must not keep the earlier
 * ones from running. Positions in tree and errors count from the start of the whole text.
 *
 * @returns undefined when nothing but blanks, comments and semicolons is left
 * @throws SQL_SYNTAX, SQL_UNSUPPORTED, SQL_TOO_COMPLEX, TYPE_INVALID
 */
export function parseNextStatement(
  text: string,
  offset: number,
  options: ParseOptions = {},
): ParsedStatement | undefined {
  checkLength(text);
  for (let start = offset; start < text.length; ) {
    const parser = newParser(text, start, options);
    if (!parser.atEnd) return parseOne(parser);
    start = parser.position + 1;
  }
  return undefined;
}

/** The statements of a text, each parsed when it is asked for: see {@link parseNextStatement}. */
export function* parseStatements(text: string, options: ParseOptions = {}): Generator<ParsedStatement, void> {
  let parsed = parseNextStatement(text, 0, options);
  while (parsed !== undefined) {
    yield parsed;
    parsed = parseNextStatement(text, parsed.next, options);
  }
}

/**
 * Parses a text that holds exactly one statement, as a prepared statement does.
 *
 * @throws SQL_EMPTY, SQL_SYNTAX when more text follows, and what {@link parseNextStatement} throws
 */
export function parseStatement(text: string, options: ParseOptions = {}): ParsedStatement {
  const parsed = parseNextStatement(text, 0, options);
  if (parsed === undefined) throw new MillraceError('SQL_EMPTY', 'the statement is empty');
  for (let start = parsed.next; start < text.length; ) {
    const rest = newParser(text, start, options);
    if (!rest.atEnd) rest.fail('the end of the text');
    start = rest.position + 1;
  }
  return parsed;
}

/** Parses a text that holds exactly one expression. @throws as {@link parseNextStatement} */
export function parseExpression(text: string, options: ParseOptions = {}): Expression {
  checkLength(text);
  const parser = newParser(text, 0, options);
  const expression = parseExpressionTokens(parser);
  if (!parser.atEnd || parser.position < text.length) parser.fail('the end of the expression');
  checkHeight(parser, expression);
  return expression;
}

function newParser(text: string, start: number, { sqlMode = '' }: ParseOptions): Parser {
  return new Parser(text, start, lexicalModeOf(sqlMode));
}

function parseOne(parser: Parser): ParsedStatement {
  const start = parser.position;
  const statement = parseStatementBody(parser);
  if (!parser.atEnd) parser.fail('the end of the statement');
  checkHeight(parser, statement);
  const text = parser.tokens.source.slice(start, parser.tokens.previousEnd);
  return { statement, text, parameterCount: parser.parameterCount, next: parser.position + 1 };
}

/** Nesting alone is bounded far below the height limit, and short chains cannot reach it. */
function checkHeight(parser: Parser, root: Statement | Expression): void {
  if (parser.chainedCount > 100) checkTreeHeight(root);
}

function checkLength(text: string): void {
  if (text.length <= textLengthMax) return;
  throw new MillraceError(
    'SQL_TOO_COMPLEX',
    `the text has ${text.length} characters, more than the limit of ${textLengthMax}`,
  );
}
