import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startAggregator } from '@millrace/app-aggregator/service';
import { startLeaf } from '@millrace/app-leaf/service';
import { startExtractor } from '@millrace/app-pipeline-extractor/service';
import { programOptions, startRunner } from '@millrace/app-transform-runner/service';
import { DevBroker } from '@millrace/kafka-devbroker/dev-broker';
import { openDataDirectory } from '@millrace/runtime/data-directory';
import { engineOptions } from '@millrace/runtime/engine-options';
import { Lifecycle } from '@millrace/runtime/lifecycle';
import type { Logger } from '@millrace/runtime/logger';
import { mysqlTlsOptions, type SecuritySettings, securityOptions } from '@millrace/runtime/node-options';
import type { OptionSpecs, OptionValues } from '@millrace/runtime/options';
import type { RunningService, ServiceProgram } from '@millrace/runtime/process';

const port = { type: 'integer', min: 0, max: 65_535 } as const;

export const standaloneOptions = {
  dataDir: { type: 'string', help: 'where everything is kept', required: true, unit: 'dir' },
  leaves: { type: 'integer', help: 'leaves to run', default: 2, min: 1, max: 64 },
  host: { type: 'string', help: 'address to listen on', default: '127.0.0.1' },
  ...securityOptions,
  ...mysqlTlsOptions,
  mysqlPort: { ...port, help: 'MySQL protocol port; 0 takes any free one', default: 3306 },
  grpcPort: { ...port, help: 'gRPC port for clients; 0 takes any free one', default: 50_051 },
  httpPort: { ...port, help: 'port of /healthz, /readyz and /metrics; 0 takes any free one', default: 8080 },
  rootPassword: {
    type: 'secret',
    help: 'password of root; needed when listening on more than loopback',
    default: '',
  },
  kafkaPort: { ...port, help: 'port of the development Kafka broker; 0 runs none', default: 9092 },
  kafkaAnyPort: {
    type: 'boolean',
    help: 'runs the development Kafka broker on any free port',
    default: false,
  },
  ...programOptions,
  ...engineOptions,
  engineMemoryMb: { ...engineOptions.engineMemoryMb, default: 512 },
} as const satisfies OptionSpecs;

export const standaloneProgram: ServiceProgram<typeof standaloneOptions> = {
  usage: 'millrace start',
  description:
    'Runs a whole cluster in one process: aggregator, leaves, pipeline-extractor and transform-runner, with gRPC between ' +
    'them, and a Kafka broker for development.',
  options: standaloneOptions,
  start: startStandalone,
};

/** Starts every service of a cluster in this process; they find each other as processes would. */
export async function startStandalone(
  options: OptionValues<typeof standaloneOptions>,
  logger: Logger,
): Promise<RunningService> {
  const directory = openDataDirectory(options.dataDir);
  const lifecycle = new Lifecycle(logger);
  await lifecycle.start({ name: 'data directory', stop: () => directory.release() });
  try {
    const kafkaPort = await startBroker(options, lifecycle, logger);
    const add = async (name: string, starting: Promise<RunningService>): Promise<void> => {
      const service = await starting;
      await lifecycle.start({ name, drain: (deadlineMs) => service.shutdown(deadlineMs) });
    };
    const aggregator = await startAggregator(aggregatorOptions(options), logger);
    try {
      const member = memberOptions(options, String(aggregator.ready['address']));
      for (let number = 1; number <= options.leaves; number += 1) {
        const dataDir = join(options.dataDir, `leaf-${number}`);
        await add(`leaf ${number}`, startLeaf({ ...member, dataDir, dataDirPool: undefined }, logger));
      }
      await add(
        'pipeline-extractor',
        startExtractor({ ...member, workDir: undefined, memoryMb: 256 }, logger),
      );
      await add('transform-runner', startRunner({ ...member, ...programLimitsOf(options) }, logger));
    } finally {
      // It began first and ends first: its statements and batches in hand need the others to finish.
      await lifecycle.start({ name: 'aggregator', drain: (deadlineMs) => aggregator.shutdown(deadlineMs) });
    }
    const { mysql, grpc, http } = aggregator.ready;
    return {
      ready: { mysql: mysql ?? 0, grpc: grpc ?? 0, http: http ?? 0, kafka: kafkaPort },
      shutdown: (deadlineMs) => lifecycle.shutdown(deadlineMs),
    };
  } catch (error) {
    await lifecycle.shutdown(0);
    throw error;
  }
}

async function startBroker(
  options: OptionValues<typeof standaloneOptions>,
  lifecycle: Lifecycle,
  logger: Logger,
): Promise<number> {
  if (options.kafkaPort === 0 && !options.kafkaAnyPort) return 0;
  const broker = await DevBroker.start({
    dataDir: join(options.dataDir, 'kafka'),
    host: options.host,
    port: options.kafkaAnyPort ? 0 : options.kafkaPort,
    logger: logger.child({ service: 'kafka-devbroker' }),
  });
  await lifecycle.start({ name: 'development Kafka broker', stop: () => broker.stop() });
  return broker.port;
}

function aggregatorOptions(
  options: OptionValues<typeof standaloneOptions>,
): Parameters<typeof startAggregator>[0] {
  const dataDir = join(options.dataDir, 'aggregator');
  mkdirSync(dataDir, { recursive: true });
  const { host, mysqlPort, grpcPort, httpPort, rootPassword, engineThreads, engineMemoryMb } = options;
  const { mysqlTlsCert, mysqlTlsKey, mysqlRequireTls } = options;
  const mysqlTls = { mysqlTlsCert, mysqlTlsKey, mysqlRequireTls };
  const limits = { engineThreads, engineMemoryMb, connectionsMax: 1000, ...securityOf(options) };
  return {
    dataDir,
    host,
    mysqlPort,
    grpcPort,
    httpPort,
    rootPassword,
    // The members are in this process, so that an address of this machine will do when it listens on all of them.
    advertise: host === '0.0.0.0' || host === '::' ? '127.0.0.1:0' : undefined,
    ...mysqlTls,
    ...limits,
  };
}

/** Addresses of the members are their own affair: nobody outside needs them. */
function memberOptions(options: OptionValues<typeof standaloneOptions>, aggregator: string) {
  const { engineThreads, engineMemoryMb } = options;
  return {
    host: '127.0.0.1',
    ...securityOf(options),
    grpcPort: 0,
    httpPort: 0,
    aggregator,
    advertise: undefined,
    engineThreads,
    engineMemoryMb,
  };
}

function programLimitsOf(options: OptionValues<typeof standaloneOptions>) {
  const { programsMax, timeLimitSeconds, outputLimitMb, memoryLimitMb } = options;
  return { programsMax, timeLimitSeconds, outputLimitMb, memoryLimitMb };
}

function securityOf(options: OptionValues<typeof standaloneOptions>): SecuritySettings {
  const { tlsCa, tlsCert, tlsKey, tlsName, clusterToken, allowInsecureNetwork } = options;
  return { tlsCa, tlsCert, tlsKey, tlsName, clusterToken, allowInsecureNetwork };
}
