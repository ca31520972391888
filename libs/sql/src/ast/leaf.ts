import type { Positioned } from './node.ts';

/** `ADD LEAF user[:'password']@'host':port [INTO GROUP n]`. */
export interface AddLeaf extends Positioned {
  readonly kind: 'addLeaf';
  readonly user: string;
  /** Secret. */
  readonly password: string | undefined;
  readonly host: string;
  readonly port: bigint;
  readonly group: bigint | undefined;
}

/** `REMOVE LEAF 'host':port [FORCE]`. */
export interface RemoveLeaf extends Positioned {
  readonly kind: 'removeLeaf';
  readonly host: string;
  readonly port: bigint;
  readonly force: boolean;
}
