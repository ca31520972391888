import type { RecordSource } from './record-source.ts';

/** How to reach a source. Sources with equal settings share one connection. */
export interface SourceSettings {
  readonly type: string;
  readonly brokers: string;
  readonly topic: string;
  readonly config: Readonly<Record<string, string>>;
  readonly credentials: Readonly<Record<string, string>>;
}

export type OpenSource = (settings: SourceSettings, signal: AbortSignal) => Promise<RecordSource>;

interface Entry {
  readonly source: Promise<RecordSource>;
  users: number;
  idleTimer: NodeJS.Timeout | undefined;
}

/** Keeps connections to sources between calls and closes those that nobody used for a while. */
export class SourceCache {
  readonly #open: OpenSource;
  readonly #idleMs: number;
  readonly #entries = new Map<string, Entry>();
  readonly #closing = new AbortController();

  constructor(open: OpenSource, idleMs: number) {
    this.#open = open;
    this.#idleMs = idleMs;
  }

  /** Runs `work` with a connected source. Throws what connecting or `work` throws. */
  async use<Result>(
    settings: SourceSettings,
    work: (source: RecordSource) => Promise<Result>,
  ): Promise<Result> {
    const key = keyOf(settings);
    const entry = this.#entries.get(key) ?? this.#connect(key, settings);
    entry.users += 1;
    clearTimeout(entry.idleTimer);
    try {
      return await work(await entry.source);
    } finally {
      entry.users -= 1;
      if (entry.users === 0) {
        entry.idleTimer = setTimeout(() => this.#drop(key, entry), this.#idleMs);
        entry.idleTimer.unref();
      }
    }
  }

  close(): void {
    this.#closing.abort();
    for (const [key, entry] of this.#entries) this.#drop(key, entry);
  }

  #connect(key: string, settings: SourceSettings): Entry {
    const source = this.#open(settings, this.#closing.signal);
    const entry: Entry = { source, users: 0, idleTimer: undefined };
    this.#entries.set(key, entry);
    // A failed attempt is not kept: the next call tries again.
    source.catch(() => this.#drop(key, entry));
    return entry;
  }

  #drop(key: string, entry: Entry): void {
    clearTimeout(entry.idleTimer);
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
    entry.source.then(
      (source) => source.close(),
      () => {},
    );
  }
}

function keyOf({ type, brokers, topic, config, credentials }: SourceSettings): string {
  const sorted = (map: Readonly<Record<string, string>>) =>
    Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([type, brokers, topic, sorted(config), sorted(credentials)]);
}
