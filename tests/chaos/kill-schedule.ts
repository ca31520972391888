import type { RandomBits } from '@millrace/testkit/seeded-random';

export type Victim = 'aggregator' | 'leaf' | 'extractor' | 'runner';

export type Kill =
  /** SIGKILL at a random instant, of one service or of several at once; then all start again. */
  | { readonly kind: 'instant'; readonly services: readonly string[]; readonly afterMs: number }
  /** The service is killed, comes back, kills itself the nth time it passes a point, and comes back again. */
  | {
      readonly kind: 'point';
      readonly service: string;
      readonly point: string;
      readonly pass: number;
      readonly afterMs: number;
    };

/** Every named point that a transaction or a pipeline batch passes, by the service that passes it. */
export const crashPoints = {
  aggregator: ['before-prepare', 'after-prepare', 'after-decision', 'after-first-apply'],
  leaf: [
    ...['before-stage', 'after-stage', 'before-redo', 'after-redo-fsync', 'after-execute'],
    ...['before-apply', 'after-apply-commit', 'after-drop-redo'],
  ],
  extractor: ['before-fetch', 'before-stage', 'after-stage'],
  runner: [],
} as const satisfies Record<Victim, readonly string[]>;

const pauseMsMax = 1_500;
const passMax = 4;

/**
 * Every crash point once, and between them kills at random instants: each kind of service at least twice, and some
 * together. Equal random numbers give equal schedules.
 */
export function killSchedule(
  random: RandomBits,
  services: Readonly<Record<Victim, readonly string[]>>,
): readonly Kill[] {
  const below = (bound: number) => random() % bound;
  const oneOf = (victim: Victim) => services[victim][below(services[victim].length)] ?? '';
  const afterMs = () => below(pauseMsMax);
  const kinds = Object.keys(crashPoints) as Victim[];
  const points = kinds.flatMap((victim) =>
    crashPoints[victim].map((point): Kill => {
      return { kind: 'point', service: oneOf(victim), point, pass: 1 + below(passMax), afterMs: afterMs() };
    }),
  );
  const single = kinds.flatMap((victim) =>
    [0, 1].map((): Kill => ({ kind: 'instant', services: [oneOf(victim)], afterMs: afterMs() })),
  );
  const together = [
    [...services.leaf],
    ['aggregator', oneOf('leaf')],
    ['aggregator', oneOf('extractor')],
    [oneOf('leaf'), oneOf('extractor'), oneOf('runner')],
  ].map((victims): Kill => ({ kind: 'instant', services: victims, afterMs: afterMs() }));
  return shuffled([...points, ...single, ...together], below);
}

function shuffled<T>(items: readonly T[], below: (bound: number) => number): T[] {
  const result = [...items];
  for (let end = result.length - 1; end > 0; end -= 1) {
    const other = below(end + 1);
    const [a, b] = [result[end] as T, result[other] as T];
    result[end] = b;
    result[other] = a;
  }
  return result;
}

/** Processes that a schedule kills, those that do it themselves included. */
export function killCount(schedule: readonly Kill[]): number {
  return schedule.reduce((sum, kill) => sum + (kill.kind === 'point' ? 2 : kill.services.length), 0);
}
