import { parseArgs } from 'node:util';

export const benchmarks = ['ingest', 'freshness', 'query', 'scale'] as const;
export type BenchmarkName = (typeof benchmarks)[number];

export type StorageKind = 'rowstore' | 'columnstore';

export interface BenchOptions {
  readonly benchmarks: readonly BenchmarkName[];
  readonly rows: number;
  readonly storage: readonly StorageKind[];
  /** `processes`: each service its own process. `standalone`: all in one. */
  readonly mode: 'processes' | 'standalone';
  readonly seed: number;
  readonly seconds: number;
  readonly jsonFile: string | undefined;
  /** Where services write CPU profiles when they end. */
  readonly profileDir: string | undefined;
}

export const usage = `usage: npm run bench -- <ingest|freshness|query|scale|all> [options]

  --rows N          rows to load, for ingest, query and scale (default 1000000); above a million, ingest
                    also loads a million and compares the times
  --storage KIND    rowstore, columnstore or both (default both)
  --mode MODE       processes (default: aggregator, 2 leaves, extractor, runner) or standalone
  --seconds N       how long freshness produces (default 20)
  --seed S          seed of the events (default 1)
  --json FILE       where the results go (default tests/bench/results/<benchmark>-<time>.json)
  --cpu-prof DIR    lets every service write a V8 CPU profile into DIR when it ends
`;

/** Throws an Error with a sentence for the user. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rows: { type: 'string', default: '1000000' },
      storage: { type: 'string', default: 'both' },
      mode: { type: 'string', default: 'processes' },
      seconds: { type: 'string', default: '20' },
      seed: { type: 'string', default: '1' },
      json: { type: 'string' },
      'cpu-prof': { type: 'string' },
    },
  });
  const [name] = positionals;
  if (positionals.length !== 1) throw new Error('name one benchmark: ingest, freshness, query, scale or all');
  return {
    benchmarks: name === 'all' ? benchmarks : [oneOf(benchmarks, name, 'benchmark')],
    rows: positiveInteger(values.rows, '--rows'),
    storage:
      values.storage === 'both'
        ? ['rowstore', 'columnstore']
        : [oneOf(['rowstore', 'columnstore'] as const, values.storage, '--storage')],
    mode: oneOf(['processes', 'standalone'] as const, values.mode, '--mode'),
    seconds: positiveInteger(values.seconds, '--seconds'),
    seed: positiveInteger(values.seed, '--seed'),
    jsonFile: values.json,
    profileDir: values['cpu-prof'],
  };
}

function oneOf<T extends string>(allowed: readonly T[], value: string | undefined, what: string): T {
  const found = allowed.find((each) => each === value);
  if (found === undefined) throw new Error(`${what} is one of ${allowed.join(', ')}, not '${value}'`);
  return found;
}

function positiveInteger(text: string, what: string): number {
  const value = Number(text.replaceAll('_', ''));
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Error(`${what} is a positive number, not '${text}'`);
  return value;
}
