/** How the ids found in a table differ from each of 0 … `count` − 1 exactly once; at most a few of each kind are kept. */
export interface IdDifferences {
  readonly missing: readonly number[];
  readonly doubled: readonly number[];
  readonly strange: readonly number[];
}

const shownMax = 20;

export function idDifferences(ids: Iterable<number>, count: number): IdDifferences {
  const seen = new Uint8Array(count);
  const doubled: number[] = [];
  const strange: number[] = [];
  for (const id of ids) {
    if (!Number.isInteger(id) || id < 0 || id >= count) strange.push(id);
    else if (seen[id] === 1) doubled.push(id);
    else seen[id] = 1;
  }
  const missing: number[] = [];
  for (let id = seen.indexOf(0); id >= 0 && missing.length < shownMax; id = seen.indexOf(0, id + 1))
    missing.push(id);
  return { missing, doubled: doubled.slice(0, shownMax), strange: strange.slice(0, shownMax) };
}

/**
 * What a client knows of the groups of rows it wrote: acknowledged ones must be there completely, all others completely
 * or not at all, and nothing else may be there.
 */
export class GroupLedger {
  readonly #rowsPerGroup: number;
  readonly #attempted = new Set<number>();
  readonly #acknowledged = new Set<number>();

  constructor(rowsPerGroup: number) {
    this.#rowsPerGroup = rowsPerGroup;
  }

  attempt(group: number): void {
    this.#attempted.add(group);
  }

  acknowledge(group: number): void {
    this.#acknowledged.add(group);
  }

  get attempted(): number {
    return this.#attempted.size;
  }

  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  /** @param found group, number of its rows, number of their distinct ids */
  violations(found: Iterable<readonly [group: number, rows: number, distinct: number]>): string[] {
    const violations: string[] = [];
    const present = new Set<number>();
    for (const [group, rows, distinct] of found) {
      present.add(group);
      if (!this.#attempted.has(group)) violations.push(`group ${group} was never written`);
      else if (rows !== this.#rowsPerGroup || distinct !== this.#rowsPerGroup) {
        violations.push(
          `group ${group} has ${rows} rows with ${distinct} ids instead of ${this.#rowsPerGroup}`,
        );
      }
    }
    for (const group of this.#acknowledged) {
      if (!present.has(group)) violations.push(`group ${group} was acknowledged and is gone`);
    }
    return violations;
  }
}
