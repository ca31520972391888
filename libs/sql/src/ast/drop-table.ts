import type { ObjectName, Positioned } from './node.ts';

/** `DROP TABLE [IF EXISTS] t, …`. */
export interface DropTable extends Positioned {
  readonly kind: 'dropTable';
  readonly ifExists: boolean;
  readonly tables: readonly ObjectName[];
}

/** `TRUNCATE [TABLE] t`. */
export interface TruncateTable extends Positioned {
  readonly kind: 'truncateTable';
  readonly table: ObjectName;
}
