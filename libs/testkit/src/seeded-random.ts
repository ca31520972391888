/** Draws 32 random bits, as an unsigned integer. */
export type RandomBits = () => number;

/** A fast generator with 32 bits of state (mulberry32): equal seeds give equal sequences. Not for secrets. */
export function seededRandom(seed: number): RandomBits {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    return scramble(state);
  };
}

/** Spreads an integer over 32 bits, so that neighbours get unrelated values. */
export function scramble(value: number): number {
  let bits = Math.imul(value ^ (value >>> 15), value | 1);
  bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
  return (bits ^ (bits >>> 14)) >>> 0;
}
