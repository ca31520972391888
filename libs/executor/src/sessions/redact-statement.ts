/**
 * A statement as SHOW PROCESSLIST may show it: the text after CREDENTIALS, and values of keys that hold passwords, are
 * replaced. Works on the text, since statements that do not parse are shown too.
 */
export function redactStatement(text: string): string {
  return text
    .replace(/(CREDENTIALS\s*=?\s*)(?:'(?:[^'\\]|\\.|'')*'?|"(?:[^"\\]|\\.|"")*"?)/gis, "$1'<REDACTED>'")
    .replace(/(\bADD\s+LEAF\b[^@]*?:\s*)(?:'(?:[^'\\]|\\.|'')*'?|"(?:[^"\\]|\\.|"")*"?)/gi, "$1'<REDACTED>'")
    .replace(/((?:password|secret|token)\w*"\s*:\s*)"[^"]*"?/gi, '$1"<REDACTED>"')
    .replace(
      /(::\s*`?[\w.]*(?:password|secret|token)[\w.]*`?\s*=\s*)'(?:[^'\\]|\\.|'')*'?/gi,
      "$1'<REDACTED>'",
    );
}
