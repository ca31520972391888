import { sleep } from '@millrace/runtime/backoff';
import type { AdtechDatabase } from './adtech-database.ts';
import { type DemoSnapshot, sum } from './demo-view.ts';
import { Freshness } from './freshness.ts';

const probePauseMsMin = 40;
/** Counting takes at most a fifth of the time, however large the table has become. */
const probePauseShare = 4;

/**
 * Counts the visible rows again and again, and compares them with what was produced. The two databases are two
 * connections, so that a slow GROUP BY does not delay the counting.
 */
export class LoadMonitor {
  readonly freshness: Freshness;
  readonly #counting: AdtechDatabase;
  readonly #viewing: AdtechDatabase;
  readonly #startMs: number;
  #produced: readonly number[];
  #loaded: readonly number[];
  #loadedAtMs: number;
  #shown: { rows: number; atMs: number };

  /** @param present rows that are loaded already, by partition */
  constructor(counting: AdtechDatabase, viewing: AdtechDatabase, present: readonly number[]) {
    this.#counting = counting;
    this.#viewing = viewing;
    this.#produced = present;
    this.#loaded = present;
    this.freshness = new Freshness(present);
    this.#startMs = performance.now();
    this.#loadedAtMs = this.#startMs;
    this.#shown = { rows: sum(present), atMs: this.#startMs };
  }

  get loaded(): readonly number[] {
    return this.#loaded;
  }

  /** Until a SELECT saw the last of the rows that are visible now. */
  get loadSeconds(): number {
    return (this.#loadedAtMs - this.#startMs) / 1000;
  }

  /** To be called before the events can be read. */
  eventsCreated(ends: readonly number[]): void {
    this.#produced = [...ends];
    this.freshness.eventsCreated(ends, performance.now());
  }

  /** Counts until the signal aborts. */
  async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const startMs = performance.now();
      const loaded = await this.#counting.countRows(this.#loaded.length);
      const nowMs = performance.now();
      if (sum(loaded) !== sum(this.#loaded)) this.#loadedAtMs = nowMs;
      this.#loaded = loaded;
      this.freshness.rowsVisible(loaded, nowMs);
      const pauseMs = Math.max(probePauseMsMin, (nowMs - startMs) * probePauseShare);
      await sleep(pauseMs, signal).catch(() => undefined);
    }
  }

  /** What to show now. Rates and freshness are those since the call before. */
  async snapshot(): Promise<DemoSnapshot> {
    const [eventCounts, batch] = [await this.#viewing.countEvents(), await this.#viewing.newestBatch()];
    const nowMs = performance.now();
    const rows = sum(this.#loaded);
    const seconds = (nowMs - this.#shown.atMs) / 1000;
    const { recent } = this.freshness;
    const [p50, p99] = [recent.percentile(0.5), recent.percentile(0.99)];
    const snapshot = {
      elapsedSeconds: (nowMs - this.#startMs) / 1000,
      produced: this.#produced,
      loaded: this.#loaded,
      rowsPerSecond: seconds > 0 ? (rows - this.#shown.rows) / seconds : 0,
      freshnessMs: p50 === undefined || p99 === undefined ? undefined : { p50, p99 },
      oldestWaitingMs: this.freshness.oldestWaitingMs(nowMs),
      batch,
      eventCounts,
    } satisfies DemoSnapshot;
    recent.clear();
    this.#shown = { rows, atMs: nowMs };
    return snapshot;
  }
}
