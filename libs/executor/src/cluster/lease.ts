import { sleep } from '@millrace/runtime/backoff';

/** Time that leases run on. Monotonic: setting the clock of the machine must not matter. */
export interface LeaseClock {
  /** Milliseconds from any fixed point. */
  nowMs(): number;
  /** Rejects when the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export const monotonicClock: LeaseClock = { nowMs: () => performance.now(), sleep };

/** How often a node renews within one lease. */
export const renewalsPerLease = 3;

/** The time for which a node counts as alive without another word from it. */
export class Lease {
  readonly #leaseMs: number;
  readonly #clock: LeaseClock;
  #endsAtMs: number;

  constructor(leaseMs: number, clock: LeaseClock) {
    this.#leaseMs = leaseMs;
    this.#clock = clock;
    this.#endsAtMs = clock.nowMs() + leaseMs;
  }

  renew(): void {
    this.#endsAtMs = this.#clock.nowMs() + this.#leaseMs;
  }

  /** Resolves when the lease has run out; rejects when the signal aborts. */
  async expired(signal: AbortSignal): Promise<void> {
    const renewalMs = this.#leaseMs / renewalsPerLease;
    for (;;) {
      const leftMs = this.#endsAtMs - this.#clock.nowMs();
      if (leftMs <= 0) return;
      const wakeAtMs = this.#clock.nowMs() + leftMs;
      await this.#clock.sleep(leftMs, signal);
      // A timer that fires late means that this process stood still, not the node: its renewals may lie unread.
      const lateMs = this.#clock.nowMs() - wakeAtMs;
      if (lateMs > renewalMs) this.#endsAtMs = Math.max(this.#endsAtMs, this.#clock.nowMs() + renewalMs);
    }
  }
}
