const escapes: Readonly<Record<string, string>> = {
  '0': '\0',
  b: '\b',
  n: '\n',
  r: '\r',
  t: '\t',
  Z: '\x1a',
  // The backslash stays: these two mean something to LIKE only.
  '%': '\\%',
  _: '\\_',
};

/**
 * The value of a quoted token.
 *
 * @param body what stands between the quotes
 * @param quote the quote character; doubled inside the body it stands for itself
 * @param backslashEscapes false for quoted identifiers and under NO_BACKSLASH_ESCAPES
 */
export function unquote(body: string, quote: string, backslashEscapes: boolean): string {
  let value = '';
  let copied = 0;
  for (let at = 0; at < body.length; at += 1) {
    const character = body.charAt(at);
    if (character === quote) {
      value += body.slice(copied, at);
      at += 1;
      copied = at;
    } else if (character === '\\' && backslashEscapes) {
      const escaped = body.charAt(at + 1);
      value += body.slice(copied, at) + (escapes[escaped] ?? escaped);
      at += 1;
      copied = at + 1;
    }
  }
  return value + body.slice(copied);
}
