import type { Faults } from '../faults.ts';
import type { GroupCoordinator } from '../groups/group-coordinator.ts';
import type { TopicStore } from '../log/topic-store.ts';
import type { ProducerIdSequence } from '../producer-id-sequence.ts';
import type { WireReader } from '../wire/wire-reader.ts';
import type { WireWriter } from '../wire/wire-writer.ts';

/** What the handlers work on. */
export interface Broker {
  readonly nodeId: number;
  readonly clusterId: string;
  readonly topics: TopicStore;
  readonly groups: GroupCoordinator;
  readonly producerIds: ProducerIdSequence;
  readonly faults: Faults;
  readonly defaultPartitions: number;
  readonly autoCreateTopics: boolean;
  readonly batchBytesMax: number;
  /** Bound of one fetch response, whatever the client asks for. */
  readonly fetchBytesMax: number;
}

/** One request of a supported version, its header read. */
export interface Call {
  readonly broker: Broker;
  readonly version: number;
  readonly clientId: string;
  /** Where this client reaches the broker, to be told in metadata. */
  readonly address: { readonly host: string; readonly port: number };
  readonly request: WireReader;
  readonly response: WireWriter;
  /** Aborted when the connection or the broker ends. */
  readonly signal: AbortSignal;
  /** The error code that a fault rule wants answered for this topic and partition, or 0. */
  injectedError(topic?: string, partition?: number): number;
}

/**
 * What becomes of the connection after a handler: the response is sent, nothing is sent and the next request is read, or
 * the connection is closed.
 */
export type Outcome = 'respond' | 'stay silent' | 'close';

/**
 * One request kind. Its file documents the wire grammar in the notation of the Kafka protocol guide, where `[]` is an
 * array and a trailing `v3+` names the versions that have the field.
 */
export interface Api {
  readonly versionMin: number;
  readonly versionMax: number;
  /** The first version with flexible encodings and tagged fields (KIP-482). */
  readonly flexibleFrom: number;
  /**
   * Reads the whole request before it changes anything, then writes the response body.
   *
   * @throws MillraceError PACKET_MALFORMED, which ends the connection.
   */
  handle(call: Call): Promise<Outcome> | Outcome;
}

/** For `flexibleFrom` of requests whose flexible versions are not offered: all clients speak the older ones as well. */
export const neverFlexible = Number.POSITIVE_INFINITY;
