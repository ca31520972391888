import type { Positioned } from './node.ts';

/** `CREATE DATABASE [IF NOT EXISTS] name [PARTITIONS n] …`; durability and replication clauses are accepted and dropped. */
export interface CreateDatabase extends Positioned {
  readonly kind: 'createDatabase';
  readonly name: string;
  readonly ifNotExists: boolean;
  /** Undefined: the server's default. Not checked for range. */
  readonly partitions: bigint | undefined;
  readonly characterSet: string | undefined;
  readonly collation: string | undefined;
}

export interface DropDatabase extends Positioned {
  readonly kind: 'dropDatabase';
  readonly name: string;
  readonly ifExists: boolean;
}

/** `USE name`. */
export interface Use extends Positioned {
  readonly kind: 'use';
  readonly database: string;
}
