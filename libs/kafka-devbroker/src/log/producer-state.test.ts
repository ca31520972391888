import { describe, expect, it } from 'vitest';
import { errorCode } from '../wire/error-code.ts';
import { ProducerState } from './producer-state.ts';

const perBatch = 10;

/** Appends batches of ten records like a log, and answers what a producer would see. */
class SequencedLog {
  readonly state: ProducerState;
  #endOffset = 0n;

  constructor(producersMax = 100) {
    this.state = new ProducerState(producersMax);
  }

  send(producerId: bigint, baseSequence: number, producerEpoch = 0): bigint {
    const known = this.state.findDuplicate({
      producerId,
      producerEpoch,
      baseSequence,
      lastOffsetDelta: perBatch - 1,
    });
    if (known !== undefined) return known;
    const baseOffset = this.#endOffset;
    this.#endOffset += BigInt(perBatch);
    this.state.add({
      position: 0,
      bytes: 100,
      baseOffset,
      lastOffset: this.#endOffset - 1n,
      maxTimestamp: 0n,
      producerId,
      producerEpoch,
      baseSequence,
    });
    return baseOffset;
  }
}

const outOfOrder = expect.objectContaining({ code: errorCode.OUT_OF_ORDER_SEQUENCE_NUMBER });
const oldEpoch = expect.objectContaining({ code: errorCode.INVALID_PRODUCER_EPOCH });

describe('ProducerState', () => {
  it('answers the last five batches with their offsets and refuses older ones', () => {
    const log = new SequencedLog();
    for (let i = 0; i < 8; i++) expect(log.send(1n, i * perBatch)).toBe(BigInt(i * perBatch));
    for (let i = 3; i < 8; i++) expect(log.send(1n, i * perBatch)).toBe(BigInt(i * perBatch));
    expect(() => log.send(1n, 2 * perBatch)).toThrow(outOfOrder);
    expect(log.send(1n, 8 * perBatch)).toBe(80n);
  });

  it('refuses a gap and a batch that overlaps the last one', () => {
    const log = new SequencedLog();
    log.send(1n, 0);
    expect(() => log.send(1n, 20)).toThrow(outOfOrder);
    expect(() => log.send(1n, 5)).toThrow(outOfOrder);
    expect(log.send(1n, 10)).toBe(10n);
  });

  it('starts again at 0 with a newer epoch and refuses the older', () => {
    const log = new SequencedLog();
    log.send(1n, 0);
    expect(() => log.send(1n, 10, 1)).toThrow(outOfOrder);
    expect(log.send(1n, 0, 1)).toBe(10n);
    expect(() => log.send(1n, 10, 0)).toThrow(oldEpoch);
  });

  it('wraps sequences after 2^31 - 1', () => {
    const log = new SequencedLog();
    log.send(1n, 2 ** 31 - 15);
    log.send(1n, 2 ** 31 - 5);
    expect(log.send(1n, 5)).toBe(20n);
    expect(log.send(1n, 2 ** 31 - 5)).toBe(10n);
  });

  it('keeps producers apart and forgets the longest idle one', () => {
    const log = new SequencedLog(2);
    log.send(1n, 0);
    log.send(2n, 0);
    log.send(1n, 10);
    log.send(3n, 0);
    expect(() => log.send(1n, 50)).toThrow(outOfOrder);
    expect(() => log.send(3n, 50)).toThrow(outOfOrder);
    // Producer 2 is not known any more: what it sends next is its start.
    expect(log.send(2n, 50)).toBe(40n);
  });

  it('forgets truncated batches', () => {
    const log = new SequencedLog();
    log.send(1n, 0);
    log.send(1n, 10);
    log.send(2n, 0);
    log.state.truncate(10n);
    expect(log.send(1n, 10)).toBe(30n);
    expect(log.send(2n, 0)).toBe(40n);
  });
});
