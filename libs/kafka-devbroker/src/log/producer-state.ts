import { ProtocolError } from '../wire/error-code.ts';
import type { StoredBatch } from './stored-batch.ts';

/** How many batches per producer are remembered to recognise a resent one; clients keep at most this many in flight. */
const batchesRemembered = 5;

/** The producer fields of a batch that is to be appended. */
export interface SequencedBatch {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly lastOffsetDelta: number;
}

interface AppendedBatch {
  readonly baseSequence: number;
  readonly lastSequence: number;
  readonly baseOffset: bigint;
  readonly lastOffset: bigint;
}

interface Producer {
  epoch: number;
  /** Oldest first, never empty. */
  batches: AppendedBatch[];
}

/**
 * Recognises resent and missing batches of idempotent producers in one partition (KIP-98): a batch must follow the last
 * one of its producer without a gap, or be one of the last five, which is answered with its old offset.
 */
export class ProducerState {
  readonly #producers = new Map<bigint, Producer>();
  readonly #producersMax: number;

  constructor(producersMax: number) {
    this.#producersMax = producersMax;
  }

  /**
   * The base offset that the batch already has if it was appended before, else `undefined`: append it.
   *
   * @throws ProtocolError INVALID_PRODUCER_EPOCH, OUT_OF_ORDER_SEQUENCE_NUMBER
   */
  findDuplicate(batch: SequencedBatch): bigint | undefined {
    const producer = this.#producers.get(batch.producerId);
    // Nothing is known of a producer whose batches are all gone: any sequence may be its next, as in Kafka.
    if (producer === undefined) return undefined;
    if (batch.producerEpoch < producer.epoch) {
      throw new ProtocolError(
        'INVALID_PRODUCER_EPOCH',
        `producer ${batch.producerId} has epoch ${producer.epoch}, the batch has ${batch.producerEpoch}`,
      );
    }
    const expected =
      batch.producerEpoch > producer.epoch ? 0 : sequenceAfter(producer.batches.at(-1)?.lastSequence ?? -1);
    if (batch.baseSequence === expected) return undefined;
    if (batch.producerEpoch === producer.epoch) {
      const lastSequence = sequencePlus(batch.baseSequence, batch.lastOffsetDelta);
      const same = producer.batches.find(
        (known) => known.baseSequence === batch.baseSequence && known.lastSequence === lastSequence,
      );
      if (same !== undefined) return same.baseOffset;
    }
    throw new ProtocolError(
      'OUT_OF_ORDER_SEQUENCE_NUMBER',
      `producer ${batch.producerId} sent sequence ${batch.baseSequence} where ${expected} is next`,
    );
  }

  /** To be called for every batch of the log, in order, also while it is opened. */
  add(batch: StoredBatch): void {
    if (batch.producerId < 0n) return;
    const known = this.#producers.get(batch.producerId);
    const batches = known !== undefined && known.epoch === batch.producerEpoch ? known.batches : [];
    batches.push({
      baseSequence: batch.baseSequence,
      lastSequence: sequencePlus(batch.baseSequence, Number(batch.lastOffset - batch.baseOffset)),
      baseOffset: batch.baseOffset,
      lastOffset: batch.lastOffset,
    });
    if (batches.length > batchesRemembered) batches.shift();
    // Deleting first keeps the map ordered by last use, so that the longest idle producer is the first.
    this.#producers.delete(batch.producerId);
    this.#producers.set(batch.producerId, { epoch: batch.producerEpoch, batches });
    if (this.#producers.size > this.#producersMax) {
      const idle = this.#producers.keys().next();
      if (!idle.done) this.#producers.delete(idle.value);
    }
  }

  /** Forgets the batches at and behind `endOffset`. */
  truncate(endOffset: bigint): void {
    for (const [producerId, producer] of this.#producers) {
      producer.batches = producer.batches.filter((batch) => batch.lastOffset < endOffset);
      if (producer.batches.length === 0) this.#producers.delete(producerId);
    }
  }
}

function sequenceAfter(sequence: number): number {
  return sequencePlus(sequence, 1);
}

/** Sequences are 31 bits and start again at 0. */
function sequencePlus(sequence: number, delta: number): number {
  return (sequence + delta) % 2 ** 31;
}
