import type { ObjectName, Positioned } from './node.ts';
import type { Statement } from './statement.ts';

/** `KILL [CONNECTION | QUERY] id [aggregatorId]`. */
export interface Kill extends Positioned {
  readonly kind: 'kill';
  readonly target: 'connection' | 'query';
  readonly id: bigint;
  readonly aggregatorId: bigint | undefined;
}

/** `BEGIN [WORK]`, `START TRANSACTION [READ ONLY | READ WRITE | WITH CONSISTENT SNAPSHOT]`. */
export interface Begin extends Positioned {
  readonly kind: 'begin';
  readonly accessMode: 'read only' | 'read write' | undefined;
}

/** `COMMIT [WORK]`. */
export interface Commit extends Positioned {
  readonly kind: 'commit';
}

/** `ROLLBACK [WORK]`. */
export interface Rollback extends Positioned {
  readonly kind: 'rollback';
}

/** `USING database statement`: runs one statement with another current database. */
export interface Using extends Positioned {
  readonly kind: 'using';
  readonly database: string;
  readonly statement: Statement;
}

/** `FLUSH what [tables]`, such as FLUSH TABLES, FLUSH PRIVILEGES, FLUSH EXTRACTOR POOLS. */
export interface Flush extends Positioned {
  readonly kind: 'flush';
  /** Upper-case words, one blank between them, without NO_WRITE_TO_BINLOG and LOCAL. */
  readonly what: string;
  readonly tables: readonly ObjectName[];
}
