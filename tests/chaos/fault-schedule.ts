import { type FaultKind, type FaultShape, faultKinds, type LinkFault } from '@millrace/testkit/fault-proxy';
import type { RandomBits } from '@millrace/testkit/seeded-random';

export interface PlannedFault {
  /** Since the fault before. */
  readonly afterMs: number;
  readonly link: string;
  readonly fault: LinkFault;
}

const pauseMsMax = 900;
const shortMs = { min: 200, max: 3_000 } as const;
/** Longer than leases and short deadlines. */
const longMs = { min: 5_000, max: 15_000 } as const;
const oneIsLongOf = 12;
const onePartialOf = 3;

/**
 * Faults without end: every kind on every link once, in random order, then again in another order. Equal random numbers
 * give equal schedules.
 */
export function* faultSchedule(random: RandomBits, links: readonly string[]): Generator<PlannedFault> {
  const below = (bound: number) => random() % bound;
  const between = ({ min, max }: { min: number; max: number }) => min + below(max - min);
  for (;;) {
    const deck = links.flatMap((link) => faultKinds.map((kind) => ({ link, kind })));
    while (deck.length > 0) {
      for (const { link, kind } of deck.splice(below(deck.length), 1)) {
        const durationMs = between(below(oneIsLongOf) === 0 ? longMs : shortMs);
        const partial = below(onePartialOf) === 0;
        yield { afterMs: below(pauseMsMax), link, fault: { ...shapeOf(kind, below), durationMs, partial } };
      }
    }
  }
}

function shapeOf(kind: FaultKind, below: (bound: number) => number): FaultShape {
  switch (kind) {
    case 'delay':
      return { kind, delayMs: 20 + below(600) };
    case 'one-way':
      return { kind, direction: below(2) === 0 ? 'up' : 'down' };
    case 'bandwidth':
      return { kind, bytesPerSecond: 20_000 + below(400_000) };
    case 'drop':
    case 'half-open':
    case 'reset':
    case 'reorder':
      return { kind };
  }
}
