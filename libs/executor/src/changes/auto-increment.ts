import type { TableDefinition } from '@millrace/catalog/definitions';

/** The durable side of AUTO_INCREMENT. */
export interface SequenceStore {
  reserve(sequence: string, count: bigint, start: bigint): bigint;
  raiseSequence(sequence: string, value: bigint): void;
}

/** Values taken from the catalog at a time, so that most inserts write nothing there. */
const blockSize = 1_000n;

interface Block {
  next: bigint;
  end: bigint;
}

/**
 * Gives AUTO_INCREMENT values. They grow and are never given twice, but have gaps: a block that was reserved before a
 * restart is lost.
 */
export class AutoIncrement {
  readonly #store: SequenceStore;
  readonly #blocks = new Map<bigint, Block>();

  constructor(store: SequenceStore) {
    this.#store = store;
  }

  /** The first of `count` consecutive values. */
  take(table: TableDefinition, count: bigint): bigint {
    let block = this.#blocks.get(table.id);
    if (block === undefined || block.end - block.next < count) {
      const size = count > blockSize ? count : blockSize;
      const first = this.#store.reserve(sequenceOf(table), size, 1n);
      block = { next: first, end: first + size };
      this.#blocks.set(table.id, block);
    }
    const first = block.next;
    block.next += count;
    return first;
  }

  /** Keeps later values above one that a client chose itself. */
  keepAbove(table: TableDefinition, value: bigint): void {
    const block = this.#blocks.get(table.id);
    if (block !== undefined && value < block.next) return;
    if (block !== undefined && value < block.end) {
      block.next = value + 1n;
      return;
    }
    this.#blocks.delete(table.id);
    this.#store.raiseSequence(sequenceOf(table), value);
  }

  /** TRUNCATE does not start over: values stay unique over the life of the table. */
  forget(tableId: bigint): void {
    this.#blocks.delete(tableId);
  }
}

function sequenceOf(table: TableDefinition): string {
  return `auto_increment/${table.id}`;
}
