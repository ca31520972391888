import { describe, expect, it } from 'vitest';
import { type DemoSnapshot, viewLine, viewLines } from './demo-view.ts';
import { LiveScreen } from './live-screen.ts';

const snapshot: DemoSnapshot = {
  elapsedSeconds: 3,
  produced: [1500, 1400],
  loaded: [1500, 1390],
  rowsPerSecond: 999.6,
  freshnessMs: { p50: 60, p99: 110 },
  oldestWaitingMs: 12,
  batch: { id: '42', state: 'Succeeded', rows: 120, seconds: 0.031 },
  eventCounts: [
    { eventName: 'Impression', count: 2600 },
    { eventName: 'Click', count: 290 },
  ],
};

describe('the view', () => {
  it('shows rows, rate, lag by partition, freshness, batch and query', () => {
    expect(viewLines(snapshot, ['Ctrl-C ends']).join('\n')).toMatchInlineSnapshot(`
      "
        3 s    2,890 rows loaded    1,000 rows/s    freshness p50 60 ms, p99 110 ms

        +-----------------+-----------------+-------------+-----+
        | Kafka partition | events produced | rows loaded | lag |
        +-----------------+-----------------+-------------+-----+
        |               0 |           1,500 |       1,500 |   0 |
        |               1 |           1,400 |       1,390 |  10 |
        +-----------------+-----------------+-------------+-----+
        newest batch: 42, 120 rows in 31 ms

        mysql> SELECT event_name, COUNT(*) FROM events GROUP BY event_name ORDER BY 2 DESC;
        +------------+----------+
        | event_name | COUNT(*) |
        +------------+----------+
        | Impression |    2,600 |
        | Click      |      290 |
        +------------+----------+

        Ctrl-C ends"
    `);
  });

  it('fits a line where there is no terminal', () => {
    expect(viewLine(snapshot)).toMatchInlineSnapshot(
      `"3 s | 2,890 rows loaded | 1,000 rows/s | lag by partition 0 10 | freshness p50 60 ms, p99 110 ms | Impression 2,600, Click 290"`,
    );
  });

  it('says how long events wait when none arrive', () => {
    const { freshnessMs: _unused, ...rest } = snapshot;
    expect(viewLine({ ...rest, freshnessMs: undefined, oldestWaitingMs: 2340 })).toContain(
      'the oldest event waits for 2.3 s',
    );
  });
});

describe('LiveScreen', () => {
  function draw(columns: number, rows: number, ...blocks: readonly (readonly string[])[]): readonly string[] {
    const written: string[] = [];
    const screen = new LiveScreen({ columns, rows, write: (text) => written.push(text) });
    for (const block of blocks) screen.draw(block);
    screen.close();
    return written;
  }

  it('draws the next block over the one before', () => {
    const [hide, first, second, show] = draw(80, 24, ['one', 'two'], ['three']);
    expect([hide, show]).toEqual(['\x1b[?25l', '\x1b[?25h']);
    expect(first).toBe('\rone\x1b[K\ntwo\x1b[K\n\x1b[J');
    expect(second).toBe('\x1b[2A\rthree\x1b[K\n\x1b[J');
  });

  it('cuts what does not fit', () => {
    const [, first] = draw(6, 3, ['123456789', 'a', 'b', 'c']);
    expect(first).toBe('\r1234…\x1b[K\na\x1b[K\n\x1b[J');
  });
});
