import { readFile, rename, writeFile } from 'node:fs/promises';
import { MillraceError } from '@millrace/errors/millrace-error';

export interface CommittedOffset {
  readonly offset: bigint;
  readonly metadata: string | null;
}

export interface CommittedPartition extends CommittedOffset {
  readonly topic: string;
  readonly partition: number;
}

/** One line of the file. */
type StoredOffset = [
  group: string,
  topic: string,
  partition: number,
  offset: string,
  metadata: string | null,
];

/**
 * The offsets that consumer groups have committed, in memory and in one small JSON file. The file is written when
 * {@link save} is called and something has changed: after a crash the commits since then are lost, and consumers read a
 * little again, as after any lost commit.
 */
export class CommittedOffsets {
  readonly #path: string;
  readonly #groups = new Map<string, Map<string, CommittedPartition>>();
  #changed = false;
  #saving: Promise<void> = Promise.resolve();

  private constructor(path: string) {
    this.#path = path;
  }

  /** @throws MillraceError STORE_CORRUPT */
  static async open(path: string): Promise<CommittedOffsets> {
    const offsets = new CommittedOffsets(path);
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '[]';
      throw error;
    });
    try {
      for (const [group, topic, partition, offset, metadata] of JSON.parse(text) as StoredOffset[]) {
        offsets.commit(group, { topic, partition, offset: BigInt(offset), metadata });
      }
    } catch (cause) {
      throw new MillraceError('STORE_CORRUPT', `${path} does not hold committed offsets`, { cause });
    }
    offsets.#changed = false;
    return offsets;
  }

  commit(group: string, committed: CommittedPartition): void {
    let partitions = this.#groups.get(group);
    if (partitions === undefined) this.#groups.set(group, (partitions = new Map()));
    partitions.set(`${committed.topic}/${committed.partition}`, committed);
    this.#changed = true;
  }

  get(group: string, topic: string, partition: number): CommittedOffset | undefined {
    return this.#groups.get(group)?.get(`${topic}/${partition}`);
  }

  list(group: string): CommittedPartition[] {
    return [...(this.#groups.get(group)?.values() ?? [])];
  }

  hasGroup(group: string): boolean {
    return this.#groups.has(group);
  }

  get groupCount(): number {
    return this.#groups.size;
  }

  /** Forgets the offsets of a topic that is deleted: a new one of the same name starts afresh. */
  forgetTopic(topic: string): void {
    for (const partitions of this.#groups.values()) {
      for (const [key, committed] of partitions) if (committed.topic === topic) partitions.delete(key);
    }
    this.#changed = true;
  }

  /** Writes the file if something has changed. */
  save(): Promise<void> {
    this.#saving = this.#saving.catch(() => {}).then(() => this.#write());
    return this.#saving;
  }

  async #write(): Promise<void> {
    if (!this.#changed) return;
    this.#changed = false;
    const lines: string[] = [];
    for (const [group, partitions] of this.#groups) {
      for (const { topic, partition, offset, metadata } of partitions.values()) {
        lines.push(
          JSON.stringify([group, topic, partition, String(offset), metadata] satisfies StoredOffset),
        );
      }
    }
    try {
      await writeFile(`${this.#path}.new`, `[${lines.join(',\n')}]\n`, { flush: true });
      await rename(`${this.#path}.new`, this.#path);
    } catch (error) {
      this.#changed = true;
      throw error;
    }
  }
}
