import { setTimeout as sleep } from 'node:timers/promises';
import { AdtechEvents } from '@millrace/testkit/adtech-events';
import { ProduceConnection } from './produce-connection.ts';
import { RecordBatchBuilder } from './record-batch-builder.ts';

/** How long events wait for others before they are sent together, as a producer's linger does. */
const lingerMs = 5;
const batchBytesMax = 1 << 20;

export interface EventStreamOptions {
  readonly broker: string;
  readonly topic: string;
  readonly partitions: number;
  readonly rowsPerSecond: number;
  readonly seconds: number;
  readonly seed: number;
}

/**
 * Produces events at a steady rate. Each carries the partition it goes to (`source`) and its number in it (`seq`), and
 * {@link createdMs} keeps when it was due. The schedule is fixed beforehand: if producing falls behind, later events do
 * not start later, so a stall shows in every event it delayed.
 */
export class EventStream {
  /** Times of `performance.now()` by partition and `seq`. */
  readonly createdMs: readonly number[][];
  readonly #options: EventStreamOptions;
  readonly #events: AdtechEvents;
  readonly #builder = new RecordBatchBuilder(batchBytesMax);

  constructor(options: EventStreamOptions) {
    this.#options = options;
    this.#events = new AdtechEvents(options.seed);
    this.createdMs = Array.from({ length: options.partitions }, () => []);
  }

  get produced(): number {
    return this.createdMs.reduce((sum, { length }) => sum + length, 0);
  }

  /** Ends when the last event has been acknowledged. */
  async run(): Promise<void> {
    const { broker, topic, partitions, rowsPerSecond, seconds } = this.#options;
    const connection = await ProduceConnection.open(broker);
    const total = rowsPerSecond * seconds;
    const startMs = performance.now();
    const acknowledged: Promise<void>[] = [];
    try {
      for (let turn = 0, sent = 0; sent < total; turn += 1) {
        const due = Math.min(total, Math.floor(((performance.now() - startMs) / 1000) * rowsPerSecond));
        if (due > sent) {
          const partition = turn % partitions;
          const batch = this.#batch(partition, sent, due, startMs);
          acknowledged.push(connection.send(topic, partition, batch));
          sent = due;
        }
        await sleep(lingerMs);
      }
      await Promise.all(acknowledged);
    } finally {
      connection.close();
    }
  }

  #batch(partition: number, begin: number, end: number, startMs: number): Buffer {
    const created = this.createdMs[partition] ?? [];
    this.#builder.reset();
    for (let index = begin; index < end; index += 1) {
      const event = this.#events.next().toString('latin1', 1);
      const value = Buffer.from(`{"source":${partition},"seq":${created.length},${event}`, 'latin1');
      this.#builder.add(value, 0, value.length);
      created.push(startMs + ((index + 1) / this.#options.rowsPerSecond) * 1000);
    }
    return this.#builder.finish(Date.now());
  }
}
