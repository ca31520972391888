/** The parts of the `sql_mode` variable that change how text is read. */
export interface LexicalMode {
  /** Double quotes enclose identifiers, not strings. */
  readonly ansiQuotes: boolean;
  /** A backslash in a string is an ordinary character. */
  readonly noBackslashEscapes: boolean;
  /** `||` is string concatenation, not OR. */
  readonly pipesAsConcat: boolean;
}

/** Reads the value of `sql_mode`, a comma-separated list of mode names in any letter case. */
export function lexicalModeOf(sqlMode: string): LexicalMode {
  const modes = sqlMode.toUpperCase().split(',');
  const ansi = modes.includes('ANSI');
  return {
    ansiQuotes: ansi || modes.includes('ANSI_QUOTES'),
    noBackslashEscapes: modes.includes('NO_BACKSLASH_ESCAPES'),
    pipesAsConcat: ansi || modes.includes('PIPES_AS_CONCAT'),
  };
}
