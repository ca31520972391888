/**
 * Transaction ids that never repeat, across restarts too: the aggregator's start epoch in the upper 32 bits, a counter
 * from 1 in the lower ones. The epoch must have been made durable before the first id is used.
 */
export class TransactionIds {
  #last: bigint;

  constructor(epoch: bigint) {
    this.#last = epoch << 32n;
  }

  next(): bigint {
    this.#last += 1n;
    return this.#last;
  }
}
