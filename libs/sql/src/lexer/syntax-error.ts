import { MillraceError } from '@millrace/errors/millrace-error';

const nearCharsMax = 80;

/**
 * The error for a text that does not follow the grammar, in the manner of MySQL's error 1064: clients look for its
 * first words. Names line and column (both from 1) and quotes the text from there on.
 *
 * @param problem what was found and expected, for example `found FORM, expected end of statement`
 */
export function syntaxError(text: string, position: number, problem: string): MillraceError {
  const { line, column } = lineAndColumn(text, position);
  const near = text.slice(position, position + nearCharsMax);
  return new MillraceError(
    'SQL_SYNTAX',
    `You have an error in your SQL syntax near '${near}' at line ${line}, column ${column}: ${problem}`,
  );
}

/** The error for a construct that is known but not supported. */
export function unsupportedError(text: string, position: number, construct: string): MillraceError {
  const { line, column } = lineAndColumn(text, position);
  return new MillraceError(
    'SQL_UNSUPPORTED',
    `${construct} is not supported (line ${line}, column ${column})`,
  );
}

function lineAndColumn(text: string, position: number): { line: number; column: number } {
  let line = 1;
  let lineStart = 0;
  for (let at = text.indexOf('\n'); at !== -1 && at < position; at = text.indexOf('\n', at + 1)) {
    line += 1;
    lineStart = at + 1;
  }
  return { line, column: position - lineStart + 1 };
}
