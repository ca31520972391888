/** A DuckDB identifier in double quotes, for example `"order"`; quotes inside are doubled. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A dotted name whose parts are each quoted, for example `"p_1_0"."main"."events"`. */
export function quoteQualifiedName(...parts: readonly string[]): string {
  return parts.map(quoteIdentifier).join('.');
}

/**
 * A DuckDB string literal. DuckDB's plain literals have no escapes except the doubled quote; a NUL character cannot
 * stand in one and is spliced in with `chr(0)`.
 */
export function quoteLiteral(text: string): string {
  const plain = `'${text.replaceAll("'", "''")}'`;
  return plain.includes('\0') ? `(${plain.split('\0').join("' || chr(0) || '")})` : plain;
}

/** A DuckDB list of string literals, for example `['a.parquet', 'b.parquet']`. */
export function quoteLiteralList(texts: readonly string[]): string {
  return `[${texts.map(quoteLiteral).join(', ')}]`;
}
