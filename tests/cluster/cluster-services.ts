import { join } from 'node:path';
import { kafkaImage } from '../../tools/images/base-images.ts';
import type { ContainerSettings } from './hardened-container.ts';
import type { Pair } from './pair-networks.ts';

export const leaves = ['leaf-1', 'leaf-2', 'leaf-3'] as const;
export const extractors = ['extractor-1', 'extractor-2'] as const;
export const runners = ['runner-1', 'runner-2'] as const;
export const services = ['aggregator', ...leaves, ...extractors, ...runners] as const;
export type Service = (typeof services)[number];

/** Every two that talk to each other. */
export const pairs: readonly Pair[] = [
  ...services.slice(1).map((name): Pair => [name, 'aggregator']),
  ...extractors.flatMap((extractor) => [...leaves, ...runners].map((name): Pair => [name, extractor])),
  ...['aggregator', ...extractors].map((name): Pair => [name, 'kafka']),
];

/** How services reach Kafka. */
export const kafkaInside = 'kafka:9092';
/** Of every service. */
export const memoryMb = 1_024;

/** Ports of 127.0.0.1 that lead into the cluster. */
export interface Ports {
  readonly mysql: number;
  readonly kafka: number;
}

export interface ClusterPlan {
  /** Folder of this machine with `certs`, and with `programs`, which runners see as /programs. */
  readonly dir: string;
  readonly ports: Ports;
  readonly password: string;
  /** Ids of the networks of a service. */
  readonly networksOf: (name: string) => readonly string[];
}

export function containersOf(plan: ClusterPlan): readonly ContainerSettings[] {
  return [kafkaSettings(plan), ...services.map((name) => settingsOf(name, plan))];
}

function settingsOf(name: Service, { dir, ports, password, networksOf }: ClusterPlan): ContainerSettings {
  const common = {
    MILLRACE_TLS_CA: '/certs/ca.crt',
    MILLRACE_TLS_CERT: `/certs/${name}.crt`,
    MILLRACE_TLS_KEY: `/certs/${name}.key`,
  };
  const member = { ...common, MILLRACE_AGGREGATOR: 'aggregator:50051' };
  const engine = { MILLRACE_ENGINE_MEMORY_MB: '384' };
  const base = {
    name,
    networks: networksOf(name),
    mounts: { '/certs': join(dir, 'certs') },
    memoryMb,
    readyLine: '{"ready":true',
  };
  if (name === 'aggregator') {
    return {
      ...base,
      image: 'millrace/aggregator:latest',
      environment: { ...common, ...engine, MILLRACE_ROOT_PASSWORD: password },
      published: { [ports.mysql]: 3306 },
    };
  }
  if (name.startsWith('leaf'))
    return { ...base, image: 'millrace/leaf:latest', environment: { ...member, ...engine } };
  if (name.startsWith('extractor')) {
    return {
      ...base,
      image: 'millrace/pipeline-extractor:latest',
      environment: {
        ...member,
        ...engine,
        MILLRACE_WORK_DIR: '/dev/shm',
        MILLRACE_MEMORY_MB: '128',
      },
      sharedMemoryMb: 256,
    };
  }
  return {
    ...base,
    image: 'millrace/transform-runner:latest',
    environment: member,
    mounts: { ...base.mounts, '/programs': join(dir, 'programs') },
  };
}

function kafkaSettings({ ports, networksOf }: ClusterPlan): ContainerSettings {
  const environment = {
    CLUSTER_ID: 'bWlsbHJhY2UtdGVzdC0wMQ',
    KAFKA_NODE_ID: '1',
    KAFKA_PROCESS_ROLES: 'broker,controller',
    KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9093',
    KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
    KAFKA_LISTENERS: 'PLAINTEXT://:9092,CONTROLLER://:9093,OUTSIDE://:9094',
    KAFKA_ADVERTISED_LISTENERS: `PLAINTEXT://${kafkaInside},OUTSIDE://127.0.0.1:${ports.kafka}`,
    KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,OUTSIDE:PLAINTEXT',
    KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
    KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
    KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
    KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
    KAFKA_HEAP_OPTS: '-Xms128m -Xmx384m',
  };
  return {
    name: 'kafka',
    image: kafkaImage,
    environment,
    networks: networksOf('kafka'),
    published: { [ports.kafka]: 9094 },
    writable: true,
    readyLine: 'Kafka Server started',
  };
}
