import type { Delete } from './delete.ts';
import type { Insert } from './insert.ts';
import type { ObjectName, Positioned } from './node.ts';
import type { Query } from './query.ts';
import type { Update } from './update.ts';

/** `DESCRIBE t [column]`, also DESC and EXPLAIN with a table name. */
export interface Describe extends Positioned {
  readonly kind: 'describe';
  readonly table: ObjectName;
  /** A column name or LIKE pattern. */
  readonly column: string | undefined;
}

/** `EXPLAIN [JSON | EXTENDED] statement`. */
export interface Explain extends Positioned {
  readonly kind: 'explain';
  readonly format: 'text' | 'json' | 'extended';
  readonly statement: Query | Insert | Update | Delete;
}
