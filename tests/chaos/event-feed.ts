import { setTimeout as sleep } from 'node:timers/promises';
import { eventAt, eventTexts } from '../support/events.ts';
import { clientOf } from '../support/kafka.ts';

export interface FeedTarget {
  readonly topic: string;
  readonly partitions: number;
  readonly format: keyof typeof eventTexts;
  /** While the test goes on. */
  readonly eventsPerSecond: number;
  /** At the end there are at least so many. */
  readonly countMin: number;
}

const messagesPerRequest = 500;

/**
 * Writes test events 0, 1, 2, … to topics at a steady rate, however long the test takes, so that there is something to
 * load all the time.
 */
export class EventFeed {
  readonly #brokers: string;
  readonly #targets: readonly FeedTarget[];
  readonly #counts = new Map<string, number>();
  #finishing = new AbortController();
  #work: Promise<(readonly [topic: string, count: number])[]> | undefined;

  constructor(brokers: string, targets: readonly FeedTarget[]) {
    this.#brokers = brokers;
    this.#targets = targets;
  }

  /** Begins, or goes on behind what it wrote before `finish`. */
  start(): void {
    this.#finishing = new AbortController();
    this.#work = Promise.all(this.#targets.map((target) => this.#feed(target)));
    // Reported by `finish`.
    this.#work.catch(() => undefined);
  }

  /** Writes what the minimum still lacks, without pauses; resolves to the number of events by topic, all written. */
  async finish(): Promise<ReadonlyMap<string, number>> {
    this.#finishing.abort();
    return new Map(await this.#work);
  }

  async #feed(target: FeedTarget): Promise<readonly [topic: string, count: number]> {
    const { topic, partitions, format, eventsPerSecond, countMin } = target;
    const textOf = eventTexts[format];
    const { signal } = this.#finishing;
    const pauseMs = (1_000 * messagesPerRequest) / eventsPerSecond;
    const producer = clientOf(this.#brokers).producer({ allowAutoTopicCreation: false });
    await producer.connect();
    let count = this.#counts.get(topic) ?? 0;
    try {
      while (!signal.aborted || count < countMin) {
        const messages = Array.from({ length: messagesPerRequest }, (_unused, index) => {
          const id = count + index;
          return { value: textOf(eventAt(id)), partition: id % partitions };
        });
        await producer.send({ topic, messages });
        count += messages.length;
        this.#counts.set(topic, count);
        if (!signal.aborted) await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
      }
    } finally {
      await producer.disconnect();
    }
    return [topic, count];
  }
}
