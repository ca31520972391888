/**
 * One expression or query in two dialects: what a client of the database writes, and plain DuckDB SQL written
 * independently of the planner that means the same.
 */
export interface SqlPair {
  readonly mysql: string;
  readonly duckdb: string;
}

/** Types of generated values; all comparisons and sums of them are exact. */
export type ValueType = 'int' | 'decimal' | 'double' | 'text' | 'date';

export interface TypedPair extends SqlPair {
  readonly type: ValueType;
}

/** The same text in both dialects. */
export function same(text: string): SqlPair {
  return { mysql: text, duckdb: text };
}

/** A template over pairs: `pair\`(${a} + ${b})\`` fills both dialects. */
export function pair(texts: TemplateStringsArray, ...values: readonly (SqlPair | string)[]): SqlPair {
  const fill = (dialect: 'mysql' | 'duckdb') =>
    texts.reduce((sql, text, at) => {
      const value = values[at - 1];
      return `${sql}${value === undefined ? '' : typeof value === 'string' ? value : value[dialect]}${text}`;
    }, '');
  return { mysql: fill('mysql'), duckdb: fill('duckdb') };
}

/** Pairs with text between them. */
export function joinPairs(pairs: readonly SqlPair[], separator: string): SqlPair {
  return {
    mysql: pairs.map((each) => each.mysql).join(separator),
    duckdb: pairs.map((each) => each.duckdb).join(separator),
  };
}
