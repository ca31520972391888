/** How long a leaf is expected back, in ms: after it said that it is stopping, and after it was lost. */
const restartMsMax = 10_000;
const lossMsMax = 1_000;

/** Leaves that are away and probably come back at once, so that waiting a moment is better than failing. */
export class ReturningLeaves {
  readonly #nowMs: () => number;
  /** Until when each is expected. */
  readonly #untilMs = new Map<string, number>();

  /** `leafIds` are known from before this process started: they register within moments. */
  constructor(leafIds: readonly string[], nowMs: () => number) {
    this.#nowMs = nowMs;
    for (const leafId of leafIds) this.draining(leafId);
  }

  draining(leafId: string): void {
    this.#untilMs.set(leafId, this.#nowMs() + restartMsMax);
  }

  lost(leafId: string): void {
    const untilMs = this.#nowMs() + lossMsMax;
    this.#untilMs.set(leafId, Math.max(untilMs, this.#untilMs.get(leafId) ?? untilMs));
  }

  back(leafId: string): void {
    this.#untilMs.delete(leafId);
  }

  /** Resolves when all are back or no longer expected, or the signal aborts. `changed` resolves when a leaf came or went. */
  async wait(changed: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const waitMs = Math.max(0, ...this.#untilMs.values()) - this.#nowMs();
      if (waitMs <= 0) break;
      const wake = new AbortController();
      const timer = setTimeout(() => wake.abort(), waitMs);
      await changed(AbortSignal.any([wake.signal, signal]));
      clearTimeout(timer);
      wake.abort();
    }
  }
}
