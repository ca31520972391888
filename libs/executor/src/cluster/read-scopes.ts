import type { LeaseClock } from './lease.ts';

interface Scope {
  readonly address: string;
  readonly ended: AbortController;
  /** Ends the wait for the leaf's next registration. */
  returned: AbortController | undefined;
}

/**
 * How long reads that run at a leaf may go on. A registration that breaks says nothing of the connections that carry
 * rows, and rows that a client has got cannot be repeated: reads go on while the leaf may come back, and under its next
 * registration at the same address. A leaf that died ends them itself, with their connections.
 */
export class ReadScopes {
  readonly #graceMs: number;
  readonly #clock: LeaseClock;
  readonly #scopes = new Map<string, Scope>();

  constructor(graceMs: number, clock: LeaseClock) {
    this.#graceMs = graceMs;
    this.#clock = clock;
  }

  /** To be called when a leaf has registered; the signal fires when reads at it must end. */
  enter(leafId: string, address: string): AbortSignal {
    const known = this.#scopes.get(leafId);
    if (known?.address === address && !known.ended.signal.aborted) {
      known.returned?.abort();
      known.returned = undefined;
      return known.ended.signal;
    }
    this.end(leafId, new Error(`leaf ${leafId} has moved to ${address}`));
    const scope: Scope = { address, ended: new AbortController(), returned: undefined };
    this.#scopes.set(leafId, scope);
    return scope.ended.signal;
  }

  /** The leaf's registration broke: its reads end with `reason` unless it registers in time. */
  expectBack(leafId: string, reason: unknown): void {
    const scope = this.#scopes.get(leafId);
    if (scope === undefined || scope.returned !== undefined) return;
    scope.returned = new AbortController();
    this.#clock.sleep(this.#graceMs, scope.returned.signal).then(
      () => this.#close(leafId, scope, reason),
      () => {},
    );
  }

  /** The leaf is lost: its reads end now. */
  end(leafId: string, reason: unknown): void {
    const scope = this.#scopes.get(leafId);
    scope?.returned?.abort();
    if (scope !== undefined) this.#close(leafId, scope, reason);
  }

  #close(leafId: string, scope: Scope, reason: unknown): void {
    if (this.#scopes.get(leafId) === scope) this.#scopes.delete(leafId);
    scope.ended.abort(reason);
  }

  /** Ends all reads, at shutdown. */
  close(reason: unknown): void {
    for (const leafId of [...this.#scopes.keys()]) this.end(leafId, reason);
  }
}
