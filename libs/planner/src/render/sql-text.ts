/** A DuckDB identifier in double quotes; quotes inside are doubled. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Stands before and after the number of a table in fragment text until the text is cut into parts. */
export const tableMarker = '\u0001';

/**
 * A DuckDB string literal. NUL cannot stand in one and U+0001 marks tables in fragments ({@link tableMarker}), so both
 * are spliced in with `chr()`.
 */
export function quoteLiteral(text: string): string {
  const plain = `'${text.replaceAll("'", "''")}'`;
  if (!plain.includes('\0') && !plain.includes(tableMarker)) return plain;
  const spliced = plain.split('\0').join("' || chr(0) || '").split(tableMarker).join("' || chr(1) || '");
  return `(${spliced})`;
}

/** A DuckDB BLOB literal. */
export function quoteBlob(bytes: Uint8Array): string {
  return `from_hex('${Buffer.from(bytes).toString('hex')}')`;
}
