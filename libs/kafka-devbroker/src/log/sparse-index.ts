const intervalBytes = 4096;

/**
 * Offset to file position for about one batch in every four kilobytes of a segment, in memory only: it is rebuilt from
 * the batch headers when a segment is opened.
 */
export class SparseIndex {
  readonly #offsets: bigint[] = [];
  readonly #positions: number[] = [];
  #nextPosition = 0;

  /** To be called for every batch in order. */
  add(baseOffset: bigint, position: number): void {
    if (position < this.#nextPosition) return;
    this.#offsets.push(baseOffset);
    this.#positions.push(position);
    this.#nextPosition = position + intervalBytes;
  }

  /** The position of a batch that starts at or before `offset`, as late as the index knows one; else 0. */
  positionBefore(offset: bigint): number {
    let low = 0;
    let high = this.#offsets.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#offsets[middle] ?? 0n) <= offset) low = middle + 1;
      else high = middle;
    }
    return this.#positions[low - 1] ?? 0;
  }

  /** Forgets the batches at or behind `position`. */
  truncate(position: number): void {
    while ((this.#positions.at(-1) ?? -1) >= position) {
      this.#positions.pop();
      this.#offsets.pop();
    }
    const last = this.#positions.at(-1);
    this.#nextPosition = last === undefined ? 0 : last + intervalBytes;
  }
}
