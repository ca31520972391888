/** A test event that its number determines, so that what a table must hold follows by plain arithmetic. */
export interface TestEvent {
  readonly id: number;
  readonly userId: number;
  readonly name: string;
  /** Hundredths. */
  readonly cents: number;
  readonly note: string | null;
  /** `2026-01-31 10:00:00.000000`. */
  readonly at: string;
}

const names = ['Impression', 'Click', 'View', 'Conversion'] as const;
/** Everything that formats escape: quotes, separators, line ends, other scripts, characters beyond 16 bits. */
const notes = [
  'plain',
  'a "quoted" word',
  "it's",
  'tab\there',
  'line\nbreak',
  'back\\slash',
  'żółw 亀',
  '🐢',
  '',
  ',',
];
const startMs = Date.UTC(2026, 0, 31, 10);

export function eventAt(id: number): TestEvent {
  const bits = spread(id);
  return {
    id,
    userId: bits % 1_000,
    name: names[(bits >>> 10) % names.length] ?? names[0],
    cents: ((bits >>> 4) % 200_001) - 100_000,
    note: bits % 7 === 0 ? null : (notes[(bits >>> 12) % notes.length] ?? null),
    at: `${new Date(startMs + id * 37).toISOString().slice(0, 23).replace('T', ' ')}000`,
  };
}

/** Neighbouring numbers get unrelated values. */
function spread(id: number): number {
  let bits = Math.imul(id + 1, 0x9e3779b1);
  bits = Math.imul(bits ^ (bits >>> 15), 0x85ebca6b);
  return (bits ^ (bits >>> 13)) >>> 0;
}

export function* eventsBetween(begin: number, end: number): Generator<TestEvent> {
  for (let id = begin; id < end; id += 1) yield eventAt(id);
}

/** `user.id` is nested, and `extra` is a field that no column wants. */
export function jsonOf(event: TestEvent): string {
  const { id, userId, name, cents, note, at } = event;
  const amount = amountText(cents);
  return `{"id":${id},"user":{"id":${userId}},"name":${JSON.stringify(name)},"amount":${amount},"note":${JSON.stringify(note)},"at":"${at}","extra":[{"id":-1}]}`;
}

/** Comma separated, quoted where needed, NULL as `\N`. */
export function csvOf({ id, userId, name, cents, note, at }: TestEvent): string {
  const quoted = note === null ? '\\N' : `"${note.replaceAll('\\', '\\\\').replaceAll('"', '""')}"`;
  return `${id},${userId},${name},${amountText(cents)},${quoted},${at}\n`;
}

/** The server's default CSV settings: tabs, backslash escapes. */
export function tsvOf({ id, userId, name, cents, note, at }: TestEvent): string {
  const escaped = note?.replaceAll('\\', '\\\\').replaceAll('\t', '\\t').replaceAll('\n', '\\n') ?? '\\N';
  return `${[id, userId, name, amountText(cents), escaped, at].join('\t')}\n`;
}

export function amountText(cents: number): string {
  const sign = cents < 0 ? '-' : '';
  const digits = String(Math.abs(cents)).padStart(3, '0');
  return `${sign}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** The columns of a table of test events. */
export const eventColumns =
  'id BIGINT NOT NULL, user_id INT NOT NULL, name VARCHAR(32) NOT NULL, amount DECIMAL(12,2) NOT NULL, note VARCHAR(64), at DATETIME(6)';

export const eventFormats = {
  json: 'FORMAT JSON (id <- id, user_id <- user::id, name <- name, amount <- amount, note <- note, at <- at)',
  csv: `FORMAT CSV FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '"' ESCAPED BY '\\\\' LINES TERMINATED BY '\\n' (id, user_id, name, amount, note, at)`,
  tsv: '(id, user_id, name, amount, note, at)',
} as const;

export const eventTexts = { json: jsonOf, csv: csvOf, tsv: tsvOf } as const satisfies Record<
  keyof typeof eventFormats,
  (event: TestEvent) => string
>;

/** What {@link eventFacts} must give for these events. */
export function expectedFacts(events: Iterable<TestEvent>): Record<string, unknown> {
  const byName = new Map<string, { count: number; cents: bigint }>();
  const users = new Set<number>();
  const noted = new Map<string, number>();
  let count = 0;
  let idSum = 0n;
  let nulls = 0;
  let last = '';
  for (const { id, userId, name, cents, note, at } of events) {
    count += 1;
    idSum += BigInt(id);
    users.add(userId);
    if (note === null) nulls += 1;
    else noted.set(note, (noted.get(note) ?? 0) + 1);
    if (at > last) last = at;
    const group = byName.get(name) ?? { count: 0, cents: 0n };
    byName.set(name, { count: group.count + 1, cents: group.cents + BigInt(cents) });
  }
  return {
    count: String(count),
    distinct: String(count),
    idSum: String(idSum),
    users: String(users.size),
    nulls: String(nulls),
    last,
    byName: [...byName]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, group]) => [name, String(group.count), amountText(Number(group.cents))]),
    notes: [...noted].map(([note, notedCount]) => `${note}=${notedCount}`).sort(),
  };
}

/** Counts, sums and distinct counts of a table of test events, through SQL. */
export async function eventFacts(
  client: { rows(sql: string): Promise<(string | null)[][]> },
  table: string,
): Promise<Record<string, unknown>> {
  const [row = []] = await client.rows(
    `SELECT COUNT(*), COUNT(DISTINCT id), SUM(id), COUNT(DISTINCT user_id), COUNT(*) - COUNT(note), MAX(at) FROM ${table}`,
  );
  const [count, distinct, idSum, users, nulls, last] = row;
  const byName = await client.rows(
    `SELECT name, COUNT(*), SUM(amount) FROM ${table} GROUP BY name ORDER BY name`,
  );
  const noted = await client.rows(`SELECT note, COUNT(*) FROM ${table} WHERE note IS NOT NULL GROUP BY note`);
  const notes = noted.map(([note, notedCount]) => `${note}=${notedCount}`).sort();
  return { count, distinct, idSum, users, nulls, last, byName, notes };
}
