import { readFile, rename, writeFile } from 'node:fs/promises';
import { MillraceError } from '@millrace/errors/millrace-error';

const blockIds = 1000n;

/**
 * Producer ids that are never given twice, also after a crash: a block of them is recorded as used before its first id is
 * given out.
 */
export class ProducerIdSequence {
  readonly #path: string;
  #next: bigint;
  #recorded: bigint;
  #extension: Promise<void> | undefined;

  private constructor(path: string, next: bigint) {
    this.#path = path;
    this.#next = next;
    this.#recorded = next;
  }

  /** @throws MillraceError STORE_CORRUPT */
  static async open(path: string): Promise<ProducerIdSequence> {
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '1';
      throw error;
    });
    if (!/^\d{1,18}\n?$/.test(text))
      throw new MillraceError('STORE_CORRUPT', `${path} does not hold a number`);
    return new ProducerIdSequence(path, BigInt(text.trim()));
  }

  async next(): Promise<bigint> {
    while (this.#next === this.#recorded) await (this.#extension ??= this.#extend());
    return this.#next++;
  }

  async #extend(): Promise<void> {
    try {
      const recorded = this.#recorded + blockIds;
      await writeFile(`${this.#path}.new`, `${recorded}\n`, { flush: true });
      await rename(`${this.#path}.new`, this.#path);
      this.#recorded = recorded;
    } finally {
      this.#extension = undefined;
    }
  }
}
