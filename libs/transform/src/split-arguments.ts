import { MillraceError } from '@millrace/errors/millrace-error';

/**
 * Splits an argument string as a shell would split a command line: blanks separate, single quotes keep everything, double
 * quotes keep everything but `\"` and `\\`, a backslash outside quotes keeps the next character. Nothing is expanded.
 * Throws PIPELINE_DEFINITION for an open quote.
 */
export function splitArguments(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: '"' | "'" | undefined;
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charAt(at);
    const next = text.charAt(at + 1);
    if (quote !== undefined) {
      if (char === quote) quote = undefined;
      else if (char === '\\' && quote === '"' && (next === '"' || next === '\\'))
        word = (word ?? '') + text.charAt(++at);
      else word = (word ?? '') + char;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (char === '\\' && next !== '') {
      word = (word ?? '') + text.charAt(++at);
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + char;
    }
  }
  if (quote !== undefined) {
    throw new MillraceError('PIPELINE_DEFINITION', `transform arguments have an open quote: ${text}`);
  }
  if (word !== undefined) words.push(word);
  return words;
}
