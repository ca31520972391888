import { countOf } from '../number-text.ts';
import type { EventCount } from './adtech-database.ts';
import { sum } from './demo-view.ts';
import type { LatencyHistogram } from './latency-histogram.ts';

/** What was measured when the generator has stopped and the pipeline has loaded the rest. */
export interface DemoResult {
  /** Before the first event of this run, by partition. */
  readonly loadedBefore: readonly number[];
  /** End offsets that the broker reports. */
  readonly produced: readonly number[];
  readonly loaded: readonly number[];
  /** Of the events of this run; undefined when others wrote to the topic too. */
  readonly userIdSumProduced: number | undefined;
  readonly userIdSumLoaded: number;
  /** From the first event to the last visible row. */
  readonly loadSeconds: number;
  readonly readySeconds: number;
  readonly freshness: LatencyHistogram;
  readonly eventCounts: readonly EventCount[];
}

/** The JSON that `--json` prints. Counts are of this run. */
export interface DemoSummary {
  readonly ok: boolean;
  /** From the start of the command until the services answered. */
  readonly readySeconds: number;
  readonly loadSeconds: number;
  readonly rowsProduced: number;
  readonly rowsLoaded: number;
  readonly rowsPerSecond: number;
  /** Event created to counted by a SELECT. */
  readonly freshnessMs: { readonly p50: number | null; readonly p99: number | null };
  readonly exactlyOnce: {
    readonly ok: boolean;
    readonly partitions: readonly {
      readonly partition: number;
      readonly produced: number;
      readonly loaded: number;
    }[];
    readonly userIdSum: { readonly produced: number | null; readonly loaded: number };
  };
  readonly groupBy: readonly EventCount[];
}

/** Adds up a run. It is ok when something was loaded, and every event exactly once. */
export function summarize(result: DemoResult): DemoSummary {
  const { produced, loaded, loadedBefore, userIdSumProduced, userIdSumLoaded } = result;
  const partitions = produced.map((end, partition) => {
    const before = loadedBefore[partition] ?? 0;
    return { partition, produced: end - before, loaded: (loaded[partition] ?? 0) - before };
  });
  const rowsLoaded = sum(partitions.map((each) => each.loaded));
  const grouped = sum(result.eventCounts.map(({ count }) => count));
  const exactlyOnce =
    partitions.every((each) => each.produced === each.loaded) &&
    grouped === sum(loaded) &&
    (userIdSumProduced === undefined || userIdSumProduced === userIdSumLoaded);
  return {
    ok: exactlyOnce && rowsLoaded > 0,
    readySeconds: rounded(result.readySeconds),
    loadSeconds: rounded(result.loadSeconds),
    rowsProduced: sum(partitions.map((each) => each.produced)),
    rowsLoaded,
    rowsPerSecond: Math.round(rowsLoaded / result.loadSeconds),
    freshnessMs: {
      p50: result.freshness.percentile(0.5) ?? null,
      p99: result.freshness.percentile(0.99) ?? null,
    },
    exactlyOnce: {
      ok: exactlyOnce,
      partitions,
      userIdSum: { produced: userIdSumProduced ?? null, loaded: userIdSumLoaded },
    },
    groupBy: result.eventCounts,
  };
}

/** The summary for people. */
export function summaryLines(summary: DemoSummary): readonly string[] {
  const { rowsProduced, rowsLoaded, freshnessMs, exactlyOnce } = summary;
  const wrong = exactlyOnce.partitions.filter((each) => each.produced !== each.loaded);
  return [
    `${countOf(rowsProduced)} events produced, ${countOf(rowsLoaded)} rows loaded in ${summary.loadSeconds} s: ` +
      `${countOf(summary.rowsPerSecond)} rows/s`,
    `freshness p50 ${freshnessMs.p50 ?? '-'} ms, p99 ${freshnessMs.p99 ?? '-'} ms, from creating an event to counting it with SELECT`,
    exactlyOnce.ok
      ? 'exactly once: the rows of every partition equal its events, and so do the sums of user_id'
      : 'NOT exactly once: rows and events differ',
    ...wrong.map(
      ({ partition, produced, loaded }) =>
        `  partition ${partition}: ${countOf(produced)} events, ${countOf(loaded)} rows`,
    ),
  ];
}

function rounded(seconds: number): number {
  return Math.round(seconds * 100) / 100;
}
