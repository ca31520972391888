import type { Expression } from './expression.ts';
import type { DefaultMarker } from './insert.ts';
import type { Positioned } from './node.ts';

/** `SET a = 1, GLOBAL b = 2, @c = 3, NAMES utf8mb4, …`: applied in order. */
export interface SetStatement extends Positioned {
  readonly kind: 'set';
  /** One or more. */
  readonly assignments: readonly SetAssignment[];
}

export type SetAssignment = SetVariable | SetUserVariable | SetNames | SetCharacterSet | SetTransaction;

/**
 * `[SESSION | LOCAL | GLOBAL | @@[scope.]] name = value`. Bare words (ON, utf8, traditional) are string literals in
 * `value`; a scope word applies to the assignment it precedes.
 */
export interface SetVariable extends Positioned {
  readonly kind: 'variable';
  readonly scope: 'session' | 'global';
  /** Lower case. */
  readonly name: string;
  readonly value: Expression | DefaultMarker;
}

export interface SetUserVariable extends Positioned {
  readonly kind: 'userVariable';
  readonly name: string;
  readonly value: Expression;
}

/** `NAMES charset [COLLATE collation]`; charset undefined: NAMES DEFAULT. */
export interface SetNames extends Positioned {
  readonly kind: 'names';
  readonly characterSet: string | undefined;
  readonly collation: string | undefined;
}

/** `CHARACTER SET charset`; undefined: DEFAULT. */
export interface SetCharacterSet extends Positioned {
  readonly kind: 'characterSet';
  readonly characterSet: string | undefined;
}

/** `[SESSION | GLOBAL] TRANSACTION …`: at least one of the two is given. */
export interface SetTransaction extends Positioned {
  readonly kind: 'transaction';
  /** Undefined: the next transaction only. */
  readonly scope: 'session' | 'global' | undefined;
  readonly isolationLevel:
    | 'read uncommitted'
    | 'read committed'
    | 'repeatable read'
    | 'serializable'
    | undefined;
  readonly accessMode: 'read only' | 'read write' | undefined;
}
