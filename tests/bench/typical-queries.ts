import { adtechUserIdMax } from '@millrace/testkit/adtech-events';
import type { RandomBits } from '@millrace/testkit/seeded-random';

/** One of the queries that the benchmarks ask, over the table `events`. */
export interface TypicalQuery {
  readonly name: string;
  readonly runs: number;
  /** Whether every row of the table is looked at. */
  readonly scans: boolean;
  readonly sql: (random: RandomBits) => string;
}

export const queries: readonly TypicalQuery[] = [
  {
    name: 'rows of one user (shard key)',
    runs: 200,
    scans: false,
    // Users of the upper half have a few events each.
    sql: (random) =>
      `SELECT * FROM events WHERE user_id = ${adtechUserIdMax - (random() % (adtechUserIdMax / 2))}`,
  },
  scan('count', 'SELECT COUNT(*) FROM events'),
  scan('count with a filter', `SELECT COUNT(*) FROM events WHERE event_name = 'Click' AND country = 'US'`),
  scan(
    'group by',
    'SELECT event_name, country, COUNT(*), AVG(campaign) FROM events GROUP BY event_name, country',
  ),
  scan(
    'top groups',
    'SELECT page_url, COUNT(*) AS n FROM events GROUP BY page_url ORDER BY n DESC, page_url LIMIT 10',
  ),
  scan('top rows', 'SELECT user_id, page_url, region FROM events ORDER BY user_id DESC, page_url LIMIT 10'),
  scan(
    'join with a reference table',
    'SELECT c.continent, COUNT(*) FROM events e JOIN countries c ON e.country = c.country GROUP BY c.continent',
  ),
  scan('count distinct', 'SELECT COUNT(DISTINCT user_id) FROM events'),
];

function scan(name: string, sql: string): TypicalQuery {
  return { name, runs: 30, scans: true, sql: () => sql };
}

export const countries = `('US','America'),('CA','America'),('BR','America'),('GB','Europe'),('DE','Europe'),('FR','Europe'),
  ('IT','Europe'),('ES','Europe'),('IN','Asia'),('JP','Asia'),('AU','Australia')`;

/** The reference table that one of them joins. */
export const countriesSql = [
  'CREATE REFERENCE TABLE countries (country VARCHAR(64), continent VARCHAR(32), PRIMARY KEY (country))',
  `INSERT INTO countries VALUES ${countries}`,
] as const;
