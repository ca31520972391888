import { batchField } from '@millrace/kafka/record-batch-header';
import type { ApiName } from './apis/api-name.ts';
import type { TopicStore } from './log/topic-store.ts';
import { type ErrorCodeName, errorCode } from './wire/error-code.ts';

/** What a rule does to the requests it matches. */
export type FaultEffect =
  /** Closes the connection: `request` as if it never arrived, `response` after the work was done. */
  | { readonly kind: 'drop'; readonly lose: 'request' | 'response' }
  /** Holds the request back before it is handled. */
  | { readonly kind: 'delay'; readonly delayMs: number }
  /**
   * Answers an error instead of doing the work, for the topic and partition named or, without them, for every one in the
   * request. Requests that concern no topic (groups, producer ids) are answered as a whole.
   */
  | {
      readonly kind: 'error';
      readonly error: ErrorCodeName;
      readonly topic?: string;
      readonly partition?: number;
    };

export interface FaultRule {
  readonly api: ApiName;
  readonly effect: FaultEffect;
  /** How often the rule acts; without it, until it is removed. */
  readonly times?: number;
  /** 0 to 1, default 1: drawn from the seeded generator for every match. */
  readonly probability?: number;
}

export interface FaultHandle {
  /** How often the rule acted. */
  readonly hits: number;
  remove(): void;
}

interface ActiveRule extends FaultHandle {
  readonly rule: FaultRule;
  hits: number;
}

/** Faults for tests: rules about requests, and damage to stored logs. Random choices repeat with the seed. */
export class Faults {
  readonly #topics: TopicStore;
  readonly #random: () => number;
  readonly #rules = new Set<ActiveRule>();

  constructor(topics: TopicStore, seed: number) {
    this.#topics = topics;
    this.#random = seededRandom(seed);
  }

  add(rule: FaultRule): FaultHandle {
    const active = { rule, hits: 0, remove: () => void this.#rules.delete(active) };
    this.#rules.add(active);
    return active;
  }

  /** Removes all rules. */
  clear(): void {
    this.#rules.clear();
  }

  /**
   * Removes the batches of a partition that end at or behind `offset`, as an unclean leader election would; returns the
   * new end of the log.
   */
  truncate(topic: string, partition: number, offset: bigint): Promise<bigint> {
    return this.#topics.partition(topic, partition).truncate(offset);
  }

  /** Makes `offset` the first that can be read, as retention would; returns the new start of the log. */
  advanceLogStart(topic: string, partition: number, offset: bigint): Promise<bigint> {
    return this.#topics.partition(topic, partition).advanceStart(offset);
  }

  /** Flips one bit, chosen at random among those that the checksum covers, in the stored batch that holds `offset`. */
  corruptBatch(topic: string, partition: number, offset: bigint): Promise<void> {
    return this.#topics.partition(topic, partition).rewriteBatch(offset, (bytes) => {
      const at = checksummedFrom + Math.floor(this.#random() * (bytes.length - checksummedFrom));
      bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << Math.floor(this.#random() * 8)), at);
    });
  }

  /** The drop and delay effects for a request, each counted as a hit. For the broker. */
  requestEffects(api: ApiName): FaultEffect[] {
    const effects: FaultEffect[] = [];
    for (const active of this.#rules) {
      if (active.rule.effect.kind !== 'error' && this.#acts(active, api)) effects.push(active.rule.effect);
    }
    return effects;
  }

  /** The error code to answer for a topic and partition of a request, or 0. For the broker. */
  answer(api: ApiName, topic?: string, partition?: number): number {
    for (const active of this.#rules) {
      const { effect } = active.rule;
      if (effect.kind !== 'error') continue;
      if (effect.topic !== undefined && effect.topic !== topic) continue;
      if (effect.partition !== undefined && effect.partition !== partition) continue;
      if (this.#acts(active, api)) return errorCode[effect.error];
    }
    return errorCode.NONE;
  }

  #acts(active: ActiveRule, api: ApiName): boolean {
    const { rule } = active;
    if (rule.api !== api || active.hits >= (rule.times ?? Number.POSITIVE_INFINITY)) return false;
    if (rule.probability !== undefined && this.#random() >= rule.probability) return false;
    active.hits++;
    return true;
  }
}

/** Where a batch's attributes begin: the checksum covers everything from here. */
const checksummedFrom: number = batchField.attributes;

/** A small generator of numbers in [0, 1) with a 32-bit state (mulberry32, public domain). */
function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
