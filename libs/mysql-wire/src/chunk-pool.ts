/** Size of the buffers answers are encoded into. A row that does not fit gets a larger buffer of its own. */
export const chunkBytes = 128 * 1024;

/**
 * Keeps output buffers for reuse across all connections of a server, so that an idle connection holds none and a large
 * result allocates a handful in total.
 */
export class ChunkPool {
  readonly #free: Buffer[] = [];
  readonly #retainedMax: number;

  constructor(retainedMax: number) {
    this.#retainedMax = retainedMax;
  }

  acquire(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(chunkBytes);
  }

  /** Gives a buffer back. Nobody may use it afterwards; those of another size are left to the garbage collector. */
  release(chunk: Buffer): void {
    if (chunk.length === chunkBytes && this.#free.length < this.#retainedMax) this.#free.push(chunk);
  }
}
