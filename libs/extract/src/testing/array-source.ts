import type {
  ReadOptions,
  RecordBlock,
  RecordSource,
  SourceOffsets,
  SourceRange,
} from '../sources/record-source.ts';

/** A source whose records are given; blocks of `blockRecords` of each range alternate. */
export class ArraySource implements RecordSource {
  readonly #partitions: ReadonlyMap<string, readonly (Buffer | null)[]>;
  readonly #blockRecords: number;
  /** Called before each block. */
  beforeBlock: (signal: AbortSignal) => Promise<void> = () => Promise.resolve();

  constructor(partitions: Readonly<Record<string, readonly (Buffer | string | null)[]>>, blockRecords = 3) {
    this.#partitions = new Map(
      Object.entries(partitions).map(([name, values]) => [
        name,
        values.map((value) => (value === null ? null : Buffer.from(value))),
      ]),
    );
    this.#blockRecords = blockRecords;
  }

  describe(): Promise<SourceOffsets[]> {
    return Promise.resolve(
      [...this.#partitions].map(([sourcePartition, values]) => ({
        sourcePartition,
        earliest: 0n,
        latest: BigInt(values.length),
      })),
    );
  }

  async read(
    ranges: readonly SourceRange[],
    take: (block: RecordBlock) => Promise<void>,
    { signal }: ReadOptions,
  ): Promise<void> {
    const next = ranges.map(({ begin }) => Number(begin));
    for (let open = true; open; ) {
      open = false;
      for (const [range, { sourcePartition, end }] of ranges.entries()) {
        const from = next[range] ?? 0;
        const to = Math.min(from + this.#blockRecords, Number(end));
        if (from >= to) continue;
        open = true;
        await this.beforeBlock(signal);
        signal.throwIfAborted();
        const values = (this.#partitions.get(sourcePartition) ?? []).slice(from, to);
        const records = new ArrayRecords(values, from);
        await take({ range, records, bytes: records.bytes.length });
        next[range] = to;
      }
    }
  }

  close(): void {}
}

class ArrayRecords {
  readonly bytes: Buffer;
  valueStart = -1;
  valueEnd = -1;
  offset: bigint;
  readonly #values: readonly (Buffer | null)[];
  #index = -1;
  #position = 0;

  constructor(values: readonly (Buffer | null)[], firstOffset: number) {
    this.#values = values;
    // Something before and after every value, so that reading beyond one shows.
    this.bytes = Buffer.concat(
      values.flatMap((value) => [Buffer.from('"'), value ?? Buffer.alloc(0), Buffer.from('9')]),
    );
    this.offset = BigInt(firstOffset) - 1n;
  }

  next(): boolean {
    this.#index += 1;
    const value = this.#values[this.#index];
    if (value === undefined) return false;
    this.offset += 1n;
    this.valueStart = value === null ? -1 : this.#position + 1;
    this.valueEnd = value === null ? -1 : this.#position + 1 + value.length;
    this.#position += (value?.length ?? 0) + 2;
    return true;
  }
}
