/** What every node that can be the subject of an error carries. */
export interface Positioned {
  /**
   * Offset of the node's first token, in UTF-16 code units from the start of the text given to the parser. Nodes made
   * by a rewrite copy the position of the node they replace.
   */
  readonly position: number;
}

/** The name of a table, pipeline or other object that lives in a database. */
export interface ObjectName extends Positioned {
  /** Undefined: the session's current database. */
  readonly database: string | undefined;
  readonly name: string;
}

/** A column named without qualifier, as in the column list of INSERT. */
export interface ColumnName extends Positioned {
  readonly name: string;
}

/**
 * A copy of a tree with what depends on the layout of the source text blanked: every `position` is 0 and every source
 * `sourceText` of a select item is empty. Two statements mean the same when their copies are deeply equal.
 */
export function withoutPositions<Tree>(tree: Tree): Tree {
  return blank(tree) as Tree;
}

function blank(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(blank);
  if (typeof value !== 'object' || value === null) return value;
  const copy: Record<string, unknown> = {};
  for (const [key, part] of Object.entries(value)) {
    if (key === 'position') copy[key] = 0;
    else if (key === 'sourceText') copy[key] = '';
    else copy[key] = blank(part);
  }
  return copy;
}
