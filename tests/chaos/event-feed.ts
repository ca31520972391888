import { setTimeout as sleep } from 'node:timers/promises';
import { eventAt, jsonOf } from '../support/events.ts';
import { clientOf } from '../support/kafka.ts';

export interface FeedTarget {
  readonly topic: string;
  readonly partitions: number;
  readonly count: number;
}

const messagesPerRequest = 500;

/** Writes test events 0 … count − 1 to topics, slowly while the test goes on, then the rest at once. */
export class EventFeed {
  readonly #brokers: string;
  readonly #targets: readonly FeedTarget[];
  readonly #durationMs: number;
  #hurry = false;
  #work: Promise<void> | undefined;

  constructor(brokers: string, targets: readonly FeedTarget[], durationMs: number) {
    this.#brokers = brokers;
    this.#targets = targets;
    this.#durationMs = durationMs;
  }

  start(): void {
    this.#work = Promise.all(this.#targets.map((target) => this.#feed(target))).then(() => undefined);
    // Reported by `finish`.
    this.#work.catch(() => undefined);
  }

  /** Writes the rest without pauses; resolves when everything is written. */
  async finish(): Promise<void> {
    this.#hurry = true;
    await this.#work;
  }

  async #feed({ topic, partitions, count }: FeedTarget): Promise<void> {
    const producer = clientOf(this.#brokers).producer({ allowAutoTopicCreation: false });
    await producer.connect();
    const pauseMs = (this.#durationMs * messagesPerRequest) / count;
    try {
      for (let begin = 0; begin < count; begin += messagesPerRequest) {
        const end = Math.min(count, begin + messagesPerRequest);
        const messages = Array.from({ length: end - begin }, (_unused, index) => {
          const id = begin + index;
          return { value: jsonOf(eventAt(id)), partition: id % partitions };
        });
        await producer.send({ topic, messages });
        if (!this.#hurry) await sleep(pauseMs);
      }
    } finally {
      await producer.disconnect();
    }
  }
}
