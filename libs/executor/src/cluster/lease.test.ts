import { describe, expect, it } from 'vitest';
import { Lease, type LeaseClock } from './lease.ts';

/** A clock that moves by hand; `lateMs` is how late its timers fire. */
class ManualClock implements LeaseClock {
  #nowMs = 0;
  #wakes: { atMs: number; wake: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((wake) => this.#wakes.push({ atMs: this.#nowMs + ms, wake }));
  }

  /** Moves on in one step, as for a process that is stopped meanwhile. */
  async jump(ms: number): Promise<void> {
    this.#nowMs += ms;
    const due = this.#wakes.filter(({ atMs }) => atMs <= this.#nowMs);
    this.#wakes = this.#wakes.filter(({ atMs }) => atMs > this.#nowMs);
    for (const { wake } of due) wake();
    await new Promise(setImmediate);
  }

  async run(ms: number, stepMs = 10): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) await this.jump(stepMs);
  }
}

describe('a lease', () => {
  const never = new AbortController().signal;

  function start() {
    const clock = new ManualClock();
    const lease = new Lease(3_000, clock);
    const seen = { expired: false };
    void lease.expired(never).then(() => {
      seen.expired = true;
    });
    return { clock, lease, seen };
  }

  it('ends when nobody renews it, and not before', async () => {
    const { clock, seen } = start();
    await clock.run(2_990);
    expect(seen.expired).toBe(false);
    await clock.run(20);
    expect(seen.expired).toBe(true);
  });

  it('goes on as long as it is renewed', async () => {
    const { clock, lease, seen } = start();
    for (let renewal = 0; renewal < 20; renewal += 1) {
      await clock.run(1_000);
      lease.renew();
    }
    expect(seen.expired).toBe(false);
    await clock.run(3_000);
    expect(seen.expired).toBe(true);
  });

  it('leaves time for a renewal when this process stood still, once', async () => {
    const { clock, lease, seen } = start();
    await clock.jump(60_000);
    expect(seen.expired).toBe(false);
    lease.renew();
    await clock.run(2_990);
    expect(seen.expired).toBe(false);
    await clock.jump(60_000);
    await clock.run(1_010);
    expect(seen.expired).toBe(true);
  });

  it('does not look at the clock of the machine', async () => {
    const { now } = Date;
    const lease = new Lease(60_000, { nowMs: () => performance.now(), sleep: () => new Promise(() => {}) });
    try {
      Date.now = () => now() + 24 * 3600 * 1000;
      let expired = false;
      void lease.expired(never).then(() => {
        expired = true;
      });
      await new Promise(setImmediate);
      expect(expired).toBe(false);
    } finally {
      Date.now = now;
    }
  });
});
