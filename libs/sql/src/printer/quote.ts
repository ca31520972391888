import type { ObjectName } from '../ast/node.ts';

/** A name between back quotes. */
export function quoteIdentifier(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

export function printObjectName({ database, name }: ObjectName): string {
  return database === undefined
    ? quoteIdentifier(name)
    : `${quoteIdentifier(database)}.${quoteIdentifier(name)}`;
}

const escapes: Readonly<Record<string, string>> = {
  '\0': '\\0',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\x1a': '\\Z',
  "'": "\\'",
  '\\': '\\\\',
};

/** A string literal between single quotes, for text that is read with backslash escapes on (the default). */
export function quoteString(value: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that need an escape
  return `'${value.replace(/[\0\n\r\t\x1a'\\]/g, (character) => escapes[character] ?? character)}'`;
}

/** A list in parentheses. */
export function parenthesize(items: readonly string[]): string {
  return `(${items.join(', ')})`;
}

export function quoteIdentifiers(names: readonly string[]): string {
  return parenthesize(names.map(quoteIdentifier));
}
