import { MillraceError } from '@millrace/errors/millrace-error';
import { type RetryOptions, retry } from '@millrace/runtime/backoff';
import { AdtechEvents, adtechEventBytesMax } from '@millrace/testkit/adtech-events';
import { Kafka, logLevel, type Message, Partitioners, type Producer } from 'kafkajs';

export interface EventProducerOptions {
  /** `host:port`, several separated by commas. */
  readonly brokers: string;
  readonly topic: string;
  /** Of the topic if it has to be created. */
  readonly partitions: number;
  readonly seed: number;
}

/** Keeps a request for one partition well below the megabyte that brokers accept. */
const eventsPerPartitionMax = 3000;
const connectRetries = 3;
/** Up to about 10 s. */
const leaderWait = {
  attemptsMax: 14,
  delayMsMin: 50,
  delayMsMax: 1_000,
  isRetryable: (error: unknown) => error instanceof Error && 'retriable' in error && error.retriable === true,
} satisfies RetryOptions;

/**
 * Writes ad-tech events to a topic. An event goes to the partition `user_id % partitions`, so that whoever reads the
 * events later can tell where each came from.
 */
export class EventProducer {
  readonly #topic: string;
  readonly #kafka: Kafka;
  readonly #producer: Producer;
  readonly #events: AdtechEvents;
  readonly #buffer: Buffer;
  readonly #messages: Message[] = [];

  /** Offset of the next event of each partition, that is the number of events in it. */
  readonly offsets: number[];
  /** Sum of the user ids written by this producer: a checksum for those who loaded the events. */
  userIdSum = 0;
  /** Most events that one call of {@link send} takes. */
  readonly eventsMax: number;

  private constructor(kafka: Kafka, producer: Producer, options: EventProducerOptions, offsets: number[]) {
    this.#kafka = kafka;
    this.#producer = producer;
    this.#topic = options.topic;
    this.#events = new AdtechEvents(options.seed);
    this.offsets = offsets;
    this.eventsMax = eventsPerPartitionMax * offsets.length;
    this.#buffer = Buffer.allocUnsafeSlow(this.eventsMax * adtechEventBytesMax);
  }

  /**
   * Connects, and creates the topic if it does not exist.
   *
   * @throws SOURCE_UNREACHABLE
   */
  static async open(options: EventProducerOptions): Promise<EventProducer> {
    const kafka = new Kafka({
      clientId: 'millrace-generator',
      brokers: options.brokers.split(',').map((broker) => broker.trim()),
      logLevel: logLevel.NOTHING,
      retry: { retries: connectRetries },
    });
    const offsets = await prepareTopic(kafka, options).catch((cause: unknown) => {
      throw unreachable(options.brokers, cause);
    });
    // Idempotent: an event that is sent again after a network failure is still written once.
    const producer = kafka.producer({
      idempotent: true,
      createPartitioner: Partitioners.DefaultPartitioner,
    });
    await producer.connect();
    return new EventProducer(kafka, producer, options, offsets);
  }

  /**
   * Writes `count` events and resolves when the broker has acknowledged all of them. One call at a time.
   *
   * @param onCreated told the offsets behind the new events as soon as they exist, before anyone can read them
   */
  async send(count: number, onCreated?: (offsets: readonly number[]) => void): Promise<void> {
    this.#messages.length = 0;
    let start = 0;
    for (let index = 0; index < count; index += 1) {
      const end = this.#events.write(this.#buffer, start);
      const { userId } = this.#events;
      const partition = userId % this.offsets.length;
      this.#messages.push({ value: this.#buffer.subarray(start, end), partition });
      this.offsets[partition] = (this.offsets[partition] ?? 0) + 1;
      this.userIdSum += userId;
      start = end;
    }
    onCreated?.(this.offsets);
    await this.#producer.send({ topic: this.#topic, messages: this.#messages });
  }

  /** End offsets as the broker knows them: differs from {@link offsets} when others write to the topic as well. */
  async fetchEndOffsets(): Promise<readonly number[]> {
    const admin = this.#kafka.admin();
    await admin.connect();
    try {
      return endOffsetsOf(await admin.fetchTopicOffsets(this.#topic));
    } finally {
      await admin.disconnect();
    }
  }

  async close(): Promise<void> {
    await this.#producer.disconnect();
  }
}

async function prepareTopic(kafka: Kafka, { topic, partitions }: EventProducerOptions): Promise<number[]> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const topics = await admin.listTopics();
    if (!topics.includes(topic)) {
      await admin.createTopics({ topics: [{ topic, numPartitions: partitions }], waitForLeaders: true });
    }
    // The leaders of a topic just created are named a moment before they answer, and kafkajs asks only once.
    return endOffsetsOf(await retry(leaderWait, () => admin.fetchTopicOffsets(topic)));
  } finally {
    await admin.disconnect();
  }
}

/** Indexed by partition. */
function endOffsetsOf(offsets: readonly { readonly partition: number; readonly high: string }[]): number[] {
  return [...offsets].sort((a, b) => a.partition - b.partition).map(({ high }) => Number(high));
}

function unreachable(brokers: string, cause: unknown): MillraceError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new MillraceError('SOURCE_UNREACHABLE', `Kafka at ${brokers} cannot be used: ${reason}`, { cause });
}
