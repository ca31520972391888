import { countOf } from '../number-text.ts';
import { formatTable } from '../sql/text-table.ts';
import { type BatchInfo, type EventCount, groupByQuery } from './adtech-database.ts';

/** What the demo shows at one instant. Arrays are indexed by the partition of the topic. */
export interface DemoSnapshot {
  readonly elapsedSeconds: number;
  readonly produced: readonly number[];
  readonly loaded: readonly number[];
  readonly rowsPerSecond: number;
  /** Of the events that arrived since the last snapshot. */
  readonly freshnessMs: { readonly p50: number; readonly p99: number } | undefined;
  readonly oldestWaitingMs: number | undefined;
  readonly batch: BatchInfo | undefined;
  readonly eventCounts: readonly EventCount[];
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

/** The lines of the live view. */
export function viewLines(snapshot: DemoSnapshot, footer: readonly string[]): readonly string[] {
  const { produced, loaded, batch, eventCounts } = snapshot;
  const partitions = produced.map((count, partition) => {
    const rows = loaded[partition] ?? 0;
    return [String(partition), countOf(count), countOf(rows), countOf(count - rows)];
  });
  const columns = ['Kafka partition', 'events produced', 'rows loaded', 'lag'];
  return [
    '',
    `  ${snapshot.elapsedSeconds.toFixed(0)} s    ${countOf(sum(loaded))} rows loaded    ` +
      `${countOf(snapshot.rowsPerSecond)} rows/s    ${freshnessText(snapshot)}`,
    '',
    ...indent(
      formatTable(
        columns.map((name) => ({ name, align: 'right' as const })),
        partitions,
      ),
    ),
    batch === undefined
      ? '  no batch has been loaded yet'
      : `  newest batch: ${batch.id}, ${countOf(batch.rows)} rows in ${Math.round(batch.seconds * 1000)} ms`,
    '',
    `  mysql> ${groupByQuery};`,
    ...indent(
      formatTable(
        [
          { name: 'event_name', align: 'left' },
          { name: 'COUNT(*)', align: 'right' },
        ],
        eventCounts.map(({ eventName, count }) => [eventName, countOf(count)]),
      ),
    ),
    '',
    ...footer.map((line) => `  ${line}`),
  ];
}

/** One line for outputs that are not a terminal. */
export function viewLine(snapshot: DemoSnapshot): string {
  const { produced, loaded, eventCounts } = snapshot;
  const lags = produced.map((count, partition) => count - (loaded[partition] ?? 0));
  const groups = eventCounts.map(({ eventName, count }) => `${eventName} ${countOf(count)}`);
  return [
    `${snapshot.elapsedSeconds.toFixed(0)} s`,
    `${countOf(sum(loaded))} rows loaded`,
    `${countOf(snapshot.rowsPerSecond)} rows/s`,
    `lag by partition ${lags.map(countOf).join(' ')}`,
    freshnessText(snapshot),
    groups.join(', '),
  ].join(' | ');
}

function freshnessText({ freshnessMs, oldestWaitingMs }: DemoSnapshot): string {
  if (freshnessMs !== undefined) {
    return `freshness p50 ${countOf(freshnessMs.p50)} ms, p99 ${countOf(freshnessMs.p99)} ms`;
  }
  if (oldestWaitingMs === undefined) return 'no events yet';
  return `the oldest event waits for ${(oldestWaitingMs / 1000).toFixed(1)} s`;
}

function indent(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `  ${line}`);
}
