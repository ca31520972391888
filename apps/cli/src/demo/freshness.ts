import { LatencyHistogram } from './latency-histogram.ts';

/** Events of one partition that were created together and are not all visible yet. */
interface WaitingEvents {
  /** Offset behind the last of them. */
  end: number;
  readonly createdAtMs: number;
}

/** More are counted with the ones created before them, as if they had waited as long. */
const waitingMax = 10_000;

/**
 * How long events take from their creation until a SELECT counts them. Each event of a partition is one row, and batches
 * are loaded in the order of offsets; so when a SELECT counts n rows of a partition, the events below offset n count as
 * arrived (the parts of one batch may become visible some milliseconds apart, in any order). The time between two
 * SELECTs is included.
 */
export class Freshness {
  /** Of all events so far. */
  readonly total = new LatencyHistogram();
  /** Of the events since the owner cleared it. */
  readonly recent = new LatencyHistogram();
  readonly #waiting: WaitingEvents[][];
  readonly #visible: number[];

  /** @param visible rows of each partition that are there already */
  constructor(visible: readonly number[]) {
    this.#visible = [...visible];
    this.#waiting = visible.map(() => []);
  }

  /** @param ends offsets behind the newest event, by partition */
  eventsCreated(ends: readonly number[], nowMs: number): void {
    ends.forEach((end, partition) => {
      const waiting = this.#waiting[partition];
      const last = waiting?.at(-1);
      if (waiting === undefined || end <= (last?.end ?? this.#visible[partition] ?? 0)) return;
      if (last !== undefined && waiting.length >= waitingMax) last.end = end;
      else waiting.push({ end, createdAtMs: nowMs });
    });
  }

  /** @param rows rows that a SELECT counted, by partition; `nowMs` when its answer arrived */
  rowsVisible(rows: readonly number[], nowMs: number): void {
    for (const [partition, count] of rows.entries()) this.#arrive(partition, count, nowMs);
  }

  /** Age of the oldest event that no SELECT has counted; undefined when all have been. */
  oldestWaitingMs(nowMs: number): number | undefined {
    const created = this.#waiting.flatMap((waiting) => waiting[0]?.createdAtMs ?? []);
    return created.length === 0 ? undefined : nowMs - Math.min(...created);
  }

  #arrive(partition: number, count: number, nowMs: number): void {
    const waiting = this.#waiting[partition] ?? [];
    let arrived = 0;
    let from = this.#visible[partition] ?? 0;
    for (const { end, createdAtMs } of waiting) {
      const until = Math.min(end, count);
      if (until > from) {
        this.total.add(nowMs - createdAtMs, until - from);
        this.recent.add(nowMs - createdAtMs, until - from);
        from = until;
      }
      if (end > count) break;
      arrived += 1;
    }
    waiting.splice(0, arrived);
    this.#visible[partition] = Math.max(from, count);
  }
}
