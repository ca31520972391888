import type { ScalarValue } from '@millrace/values/column-batch';
import type { GlobalVariables } from '../variables/variable-store.ts';
import { SessionVariables } from '../variables/variable-store.ts';

/** A note for SHOW WARNINGS. */
export interface Warning {
  readonly level: 'Note' | 'Warning' | 'Error';
  readonly code: number;
  readonly message: string;
}

const warningsMax = 1_000;

export interface SessionIdentity {
  readonly connectionId: bigint;
  readonly user: string;
  /** "address:port" of the client. */
  readonly host: string;
  /** How the connection is encrypted, undefined when it is not. */
  readonly tls?: { readonly cipher: string; readonly version: string } | undefined;
}

/** What a session remembers between statements. */
export class SessionState {
  readonly identity: SessionIdentity;
  readonly variables: SessionVariables;
  readonly userVariables = new Map<string, ScalarValue>();
  database: string | undefined;
  lastInsertId = 0n;
  /** ROW_COUNT(): rows changed by the statement before, -1 after one with rows. */
  rowCount = 0n;
  /** FOUND_ROWS(). */
  foundRows = 0n;
  /** `written`: a statement since BEGIN has changed rows, which are committed already. */
  transaction: 'none' | 'open' | 'written' = 'none';
  #warnings: Warning[] = [];

  constructor(identity: SessionIdentity, globals: GlobalVariables) {
    this.identity = identity;
    this.variables = new SessionVariables(globals);
  }

  get autocommit(): boolean {
    return this.variables.get('autocommit') === 1n;
  }

  get warnings(): readonly Warning[] {
    return this.#warnings;
  }

  warn(warning: Warning): void {
    if (this.#warnings.length < warningsMax) this.#warnings.push(warning);
  }

  clearWarnings(): void {
    this.#warnings = [];
  }

  /** Back to the state of a new session; the current database stays. */
  reset(): void {
    this.variables.clear();
    this.userVariables.clear();
    this.lastInsertId = 0n;
    this.rowCount = 0n;
    this.foundRows = 0n;
    this.transaction = 'none';
    this.clearWarnings();
  }
}
