import { readFile } from 'node:fs/promises';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { MillraceError } from '@millrace/errors/millrace-error';
import { type ClientConfig, parseBrokers, type TlsConfig } from './client-config.ts';
import { type BatchSink, fetchRanges } from './fetch-ranges.ts';
import type { FetchRange } from './fetch-request.ts';
import type { IsolationLevel } from './isolation-level.ts';
import { KafkaCluster } from './kafka-cluster.ts';
import { listPartitionOffsets, type PartitionOffsets } from './list-offsets.ts';

/** A connection attempt gives up earlier than a request may take, so that another broker can be tried. */
const connectMsMax = 5_000;

export interface KafkaSourceOptions {
  /** `host[:port]`, separated by commas: the brokers to ask first. */
  readonly brokers: string;
  readonly config: ClientConfig;
  readonly signal?: AbortSignal | undefined;
}

export interface KafkaFetchOptions {
  readonly topic: string;
  /** At most one for each partition. */
  readonly ranges: readonly FetchRange[];
  /** By default that of the configuration. */
  readonly isolation?: IsolationLevel | undefined;
  /** Bytes of responses held at a time; by default `fetch.max.bytes` of the configuration. */
  readonly bufferBytesMax?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told of each failure that is followed by another attempt, for the log. */
  readonly onRetry?: ((error: MillraceError, attempt: number) => void) | undefined;
}

/**
 * Reads topics of one Kafka cluster by offset. It belongs to no consumer group, commits nothing and creates nothing:
 * positions are the caller's.
 */
export class KafkaSource {
  readonly #cluster: KafkaCluster;
  readonly #config: ClientConfig;

  private constructor(cluster: KafkaCluster, config: ClientConfig) {
    this.#cluster = cluster;
    this.#config = config;
  }

  /**
   * Connects to the first broker that answers, so that wrong addresses and credentials show here.
   *
   * @throws MillraceError PIPELINE_DEFINITION for the broker list or files of the TLS configuration;
   *   SOURCE_UNREACHABLE, SOURCE_AUTHENTICATION
   */
  static async connect({ brokers, config, signal }: KafkaSourceOptions): Promise<KafkaSource> {
    const cluster = new KafkaCluster({
      brokers: parseBrokers(brokers),
      connection: {
        clientId: config.clientId,
        sasl: config.sasl,
        tls: config.tls === undefined ? undefined : await readTlsFiles(config.tls),
        connectMsMax: Math.min(connectMsMax, config.operationMsMax),
        requestMsMax: config.operationMsMax,
        spoofDns: config.spoofDns,
      },
    });
    try {
      await cluster.anyConnection(signal);
    } catch (error) {
      cluster.close();
      throw error;
    }
    return new KafkaSource(cluster, config);
  }

  /**
   * What can be read of every partition of a topic. One exchange with each leading broker, a millisecond or two.
   *
   * @throws MillraceError TOPIC_UNKNOWN, SOURCE_UNREACHABLE, SOURCE_AUTHENTICATION
   */
  listPartitionOffsets(
    topic: string,
    options: {
      readonly isolation?: IsolationLevel | undefined;
      readonly signal?: AbortSignal | undefined;
    } = {},
  ): Promise<PartitionOffsets[]> {
    const isolation = options.isolation ?? this.#config.isolation;
    return listPartitionOffsets(this.#cluster, { topic, isolation, signal: options.signal });
  }

  /** Reads ranges of offsets to their ends; see {@link fetchRanges}. */
  fetchRanges(options: KafkaFetchOptions, sink: BatchSink): Promise<void> {
    const isolation = options.isolation ?? this.#config.isolation;
    const bufferBytesMax = options.bufferBytesMax ?? this.#config.fetchBytesMax;
    return fetchRanges(this.#cluster, { ...options, isolation, bufferBytesMax }, sink);
  }

  /** Closes all connections at once; whatever waits for an answer fails. */
  close(): void {
    this.#cluster.close();
  }
}

async function readTlsFiles(tls: TlsConfig): Promise<TlsOptions> {
  const [ca, cert, key] = await Promise.all([
    readConfiguredFile('ssl.ca.location', tls.caFile),
    readConfiguredFile('ssl.certificate.location', tls.certificateFile),
    readConfiguredFile('ssl.key.location', tls.keyFile),
  ]);
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(tls.keyPassword === undefined ? {} : { passphrase: tls.keyPassword.reveal() }),
    ...(tls.verifyHostName ? {} : { checkServerIdentity: () => undefined }),
    rejectUnauthorized: tls.verifyCertificate,
  };
}

async function readConfiguredFile(property: string, path: string | undefined): Promise<Buffer | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path);
  } catch (cause) {
    const problem = `the file '${path}' of '${property}' cannot be read on this node`;
    throw new MillraceError('PIPELINE_DEFINITION', problem, { cause });
  }
}
