import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MillraceError } from '@millrace/errors/millrace-error';
import { ProtocolError } from '../wire/error-code.ts';
import { PartitionLog, type PartitionLogOptions } from './partition-log.ts';

export interface TopicStoreOptions extends PartitionLogOptions {
  readonly partitionsPerTopicMax: number;
  /** Over all topics: each has an open file. */
  readonly partitionsMax: number;
}

export interface Topic {
  readonly name: string;
  /** By partition number. */
  readonly partitions: readonly PartitionLog[];
}

/**
 * The topics of the broker, as directories `topics/<name>/<partition>`. A topic is prepared in `staging` and moved into
 * place by one rename, so that a crash leaves all of its partitions or none.
 */
export class TopicStore {
  readonly #topicsDirectory: string;
  readonly #stagingDirectory: string;
  readonly #options: TopicStoreOptions;
  readonly #topics = new Map<string, Topic>();
  #changes: Promise<unknown> = Promise.resolve();
  #deletions = 0;

  private constructor(dataDirectory: string, options: TopicStoreOptions) {
    this.#topicsDirectory = join(dataDirectory, 'topics');
    this.#stagingDirectory = join(dataDirectory, 'staging');
    this.#options = options;
  }

  /** @throws MillraceError STORE_CORRUPT if a log is damaged elsewhere than at its end. */
  static async open(dataDirectory: string, options: TopicStoreOptions): Promise<TopicStore> {
    const store = new TopicStore(dataDirectory, options);
    await rm(store.#stagingDirectory, { recursive: true, force: true });
    await mkdir(store.#stagingDirectory, { recursive: true });
    await mkdir(store.#topicsDirectory, { recursive: true });
    for (const name of await readdir(store.#topicsDirectory)) {
      const entries = await readdir(join(store.#topicsDirectory, name));
      if (entries.some((entry) => Number(entry) >= entries.length || !/^\d+$/.test(entry))) {
        const path = join(store.#topicsDirectory, name);
        throw new MillraceError('STORE_CORRUPT', `${path} does not hold partitions 0 to n only`);
      }
      await store.#openTopic(name, entries.length);
    }
    return store;
  }

  list(): Topic[] {
    return [...this.#topics.values()];
  }

  get(name: string): Topic | undefined {
    return this.#topics.get(name);
  }

  /** @throws ProtocolError UNKNOWN_TOPIC_OR_PARTITION */
  partition(topic: string, partition: number): PartitionLog {
    const log = this.#topics.get(topic)?.partitions[partition];
    if (log !== undefined) return log;
    throw new ProtocolError(
      'UNKNOWN_TOPIC_OR_PARTITION',
      `topic '${topic}' has no partition ${partition} here`,
    );
  }

  /** @throws ProtocolError INVALID_TOPIC, TOPIC_ALREADY_EXISTS, INVALID_PARTITIONS, POLICY_VIOLATION */
  create(name: string, partitions: number): Promise<Topic> {
    return this.#serialise(async () => {
      this.checkCreate(name, partitions);
      const staging = join(this.#stagingDirectory, name);
      for (let i = 0; i < partitions; i++) await mkdir(join(staging, String(i)), { recursive: true });
      await rename(staging, join(this.#topicsDirectory, name));
      return this.#openTopic(name, partitions);
    });
  }

  /** What {@link create} would refuse, with its errors. */
  checkCreate(name: string, partitions: number): void {
    checkTopicName(name);
    if (this.#topics.has(name)) throw new ProtocolError('TOPIC_ALREADY_EXISTS', `topic '${name}' exists`);
    this.#checkPartitions(partitions, partitions);
  }

  /**
   * Raises the number of partitions of a topic to `partitions`.
   *
   * @throws ProtocolError UNKNOWN_TOPIC_OR_PARTITION, INVALID_PARTITIONS, POLICY_VIOLATION
   */
  addPartitions(name: string, partitions: number): Promise<void> {
    return this.#serialise(async () => {
      const topic = this.checkAddPartitions(name, partitions);
      const added: PartitionLog[] = [];
      for (let i = topic.partitions.length; i < partitions; i++)
        added.push(await this.#openPartition(name, i));
      this.#topics.set(name, { name, partitions: [...topic.partitions, ...added] });
    });
  }

  /** What {@link addPartitions} would refuse, with its errors. */
  checkAddPartitions(name: string, partitions: number): Topic {
    const topic = this.#existing(name);
    const current = topic.partitions.length;
    if (partitions <= current) {
      throw new ProtocolError('INVALID_PARTITIONS', `topic '${name}' has ${current} partitions already`);
    }
    this.#checkPartitions(partitions, partitions - current);
    return topic;
  }

  /** @throws ProtocolError UNKNOWN_TOPIC_OR_PARTITION */
  delete(name: string): Promise<void> {
    return this.#serialise(async () => {
      const topic = this.#existing(name);
      this.#topics.delete(name);
      for (const log of topic.partitions) await log.close();
      const staging = join(this.#stagingDirectory, `deleted-${this.#deletions++}`);
      await rename(join(this.#topicsDirectory, name), staging);
      await rm(staging, { recursive: true });
    });
  }

  /** Makes everything durable and closes the files. */
  close(): Promise<void> {
    return this.#serialise(async () => {
      for (const topic of this.#topics.values()) for (const log of topic.partitions) await log.close();
      this.#topics.clear();
    });
  }

  #existing(name: string): Topic {
    const topic = this.#topics.get(name);
    if (topic === undefined) throw new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION', `no topic '${name}'`);
    return topic;
  }

  #checkPartitions(partitions: number, added: number): void {
    const { partitionsPerTopicMax, partitionsMax } = this.#options;
    if (partitions < 1 || partitions > partitionsPerTopicMax) {
      throw new ProtocolError('INVALID_PARTITIONS', `a topic has 1 to ${partitionsPerTopicMax} partitions`);
    }
    let total = added;
    for (const topic of this.#topics.values()) total += topic.partitions.length;
    if (total > partitionsMax) {
      throw new ProtocolError('POLICY_VIOLATION', `the broker holds at most ${partitionsMax} partitions`);
    }
  }

  async #openTopic(name: string, count: number): Promise<Topic> {
    const partitions: PartitionLog[] = [];
    for (let i = 0; i < count; i++) partitions.push(await this.#openPartition(name, i));
    const topic = { name, partitions };
    this.#topics.set(name, topic);
    return topic;
  }

  #openPartition(topic: string, partition: number): Promise<PartitionLog> {
    const directory = join(this.#topicsDirectory, topic, String(partition));
    return PartitionLog.open(directory, { topic, partition }, this.#options);
  }

  #serialise<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#changes.then(change);
    this.#changes = result.catch(() => {});
    return result;
  }
}

/** Kafka's rule for topic names, which also makes them safe as directory names. */
export function checkTopicName(name: string): void {
  if (/^[a-zA-Z0-9._-]{1,249}$/.test(name) && name !== '.' && name !== '..') return;
  throw new ProtocolError(
    'INVALID_TOPIC',
    'a topic name is 1 to 249 letters, digits, dots, underscores or hyphens',
  );
}
