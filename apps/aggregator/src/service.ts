import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CatalogStore } from '@millrace/catalog/catalog-store';
import { openEngine } from '@millrace/engine/duckdb-instance';
import { MillraceError } from '@millrace/errors/millrace-error';
import { createExecutor, type Executor, type ExecutorCore } from '@millrace/executor/create-executor';
import { aggregatorGaugeSpecs, statementMetricSpecs } from '@millrace/executor/metrics';
import { storedHashOf } from '@millrace/mysql-wire/native-password';
import { MysqlServer } from '@millrace/mysql-wire/server';
import { GrpcExtractorClients } from '@millrace/pipelines/extractor-clients';
import { pipelineGaugeSpecs, pipelineGauges, pipelineMetricSpecs } from '@millrace/pipelines/metrics';
import { pipelineAdminService } from '@millrace/pipelines/pipeline-admin-service';
import { PipelineStatements } from '@millrace/pipelines/pipeline-statements';
import { Pipelines } from '@millrace/pipelines/pipelines';
import { Handlers } from '@millrace/rpc/handlers';
import { type NodeSecurity, openNodeSecurity } from '@millrace/rpc/node-security';
import { RpcServer } from '@millrace/rpc/server';
import { crashPointOf } from '@millrace/runtime/crash-point';
import { openDataDirectory } from '@millrace/runtime/data-directory';
import { engineOptions, engineSettings } from '@millrace/runtime/engine-options';
import { HttpServer } from '@millrace/runtime/http-server';
import { Lifecycle } from '@millrace/runtime/lifecycle';
import { listenError } from '@millrace/runtime/listen-error';
import type { Logger } from '@millrace/runtime/logger';
import { MetricRegistry } from '@millrace/runtime/metrics';
import {
  advertisedAddress,
  isLoopback,
  listenOptions,
  mysqlTlsOptions,
  mysqlTlsPaths,
} from '@millrace/runtime/node-options';
import type { OptionSpecs, OptionValues } from '@millrace/runtime/options';
import type { RunningService, ServiceProgram } from '@millrace/runtime/process';
import { TlsFiles } from '@millrace/runtime/tls-files';
import { version } from '@millrace/runtime/version';

export const aggregatorOptions = {
  dataDir: { type: 'string', help: 'where the catalog is kept', required: true, unit: 'dir' },
  ...listenOptions,
  mysqlPort: {
    type: 'integer',
    help: 'MySQL protocol port; 0 takes any free one',
    default: 3306,
    min: 0,
    max: 65_535,
  },
  grpcPort: { ...listenOptions.grpcPort, default: 50_051 },
  httpPort: { ...listenOptions.httpPort, default: 8080 },
  advertise: {
    type: 'string',
    help: 'gRPC address under which nodes reach the aggregator',
    unit: 'host:port',
  },
  rootPassword: {
    type: 'secret',
    help: 'password of root; needed when listening on more than loopback',
    default: '',
  },
  ...mysqlTlsOptions,
  connectionsMax: { type: 'integer', help: 'MySQL connections at once', default: 1000, min: 1, max: 100_000 },
  ...engineOptions,
} as const satisfies OptionSpecs;

export const aggregatorProgram: ServiceProgram<typeof aggregatorOptions> = {
  usage: 'millrace start aggregator',
  description: 'Takes SQL from clients, keeps the catalog, plans, decides transactions and runs pipelines.',
  options: aggregatorOptions,
  start: startAggregator,
};

/** What MySQL clients see as the version of the server they know (memsql-reference 10.1). */
const mysqlVersion = '5.7.32';

type Options = OptionValues<typeof aggregatorOptions>;

export async function startAggregator(options: Options, parentLogger: Logger): Promise<RunningService> {
  const logger = parentLogger.child({ service: 'aggregator' });
  checkRootPassword(options);
  const lifecycle = new Lifecycle(logger);
  try {
    return await start(options, lifecycle, logger);
  } catch (error) {
    await lifecycle.shutdown(0);
    throw error;
  }
}

async function start(options: Options, lifecycle: Lifecycle, logger: Logger): Promise<RunningService> {
  const security = openNodeSecurity(options, logger);
  await lifecycle.start({ name: 'security', stop: () => security.tls?.close() });
  const mysqlTls = openMysqlTls(options, security, logger);
  await lifecycle.start({ name: 'MySQL certificate', stop: () => mysqlTls?.close() });
  const directory = openDataDirectory(options.dataDir);
  await lifecycle.start({ name: 'data directory', stop: () => directory.release() });
  const catalog = new CatalogStore(join(directory.path, 'catalog.db'));
  await lifecycle.start({ name: 'catalog', stop: () => catalog.close() });
  const tempDirectory = join(directory.path, 'temp');
  // What a killed process has spilled or gathered.
  rmSync(tempDirectory, { recursive: true, force: true });
  mkdirSync(tempDirectory, { recursive: true });
  const engine = await openEngine(engineSettings(options, join(tempDirectory, 'spill')));
  await lifecycle.start({ name: 'engine', stop: () => engine.close() });

  const metrics = new MetricRegistry();
  const ports = { mysql: 0, grpc: 0 };
  const crashPoint = crashPointOf(process.env['MILLRACE_CRASH_POINT']);
  const pipelines = pipelinesFactory(metrics, security, logger);
  const executor = await createExecutor({
    catalog,
    engine,
    tempDirectory,
    createPipelines: (core) => new PipelineStatements(pipelines.create(core), catalog),
    version,
    mysqlTls: mysqlTls === undefined ? 'none' : options.mysqlRequireTls ? 'required' : 'offered',
    mysqlAddress: () =>
      advertisedAddress(options.advertise?.replace(/:\d+$/, ':0'), options.host, ports.mysql),
    grpcAddress: () => advertisedAddress(options.advertise, options.host, ports.grpc),
    killConnection: (connectionId) => mysql.kill(connectionId, 'connection'),
    security,
    logger,
    metrics: metrics.declare(statementMetricSpecs),
    nowMs: Date.now,
    random: Math.random,
    crashPoint,
  });
  await lifecycle.start({ name: 'executor', stop: () => executor.stop() });
  metrics.observe(aggregatorGaugeSpecs, executor.gauges);
  metrics.observe(pipelineGaugeSpecs, pipelineGauges(catalog));
  executor.start();
  // Before anything listens: a START PIPELINE that came first would be resumed once more.
  pipelines.get().resume();
  await lifecycle.start({
    name: 'pipelines',
    stop: async () => {
      await pipelines.get().shutdown();
      pipelines.close();
    },
  });
  const grpc = grpcServer(options, executor, pipelines.get(), catalog, security, logger);
  ports.grpc = await grpc.start();
  await lifecycle.start({
    name: 'grpc',
    drain: (ms) => grpc.drain(Math.min(ms, 1_000)),
    stop: () => grpc.stop(),
  });
  const mysql = mysqlServer(options, mysqlTls, executor, logger);
  const listening = await mysql.listen().catch((cause) => {
    throw listenError('MySQL clients', `${options.host}:${options.mysqlPort}`, cause);
  });
  ports.mysql = listening.port;
  await lifecycle.start({
    name: 'mysql',
    drain: (deadlineMs) => mysql.close({ deadlineMs }),
    stop: () => mysql.close({ deadlineMs: 0 }),
  });
  let stopping = false;
  const http = new HttpServer({
    host: options.host,
    port: options.httpPort,
    metrics,
    notReadyReason: () => (stopping ? 'stopping' : null),
  });
  const httpPort = await http.start();
  await lifecycle.start({ name: 'http', stop: () => http.stop() });
  // The first to drain: sessions that wait for a pipeline in the foreground end with it, and its batch still finds peers.
  await lifecycle.start({ name: 'pipeline runs', drain: () => pipelines.get().shutdown() });
  grpc.ready();
  const address = advertisedAddress(options.advertise, options.host, ports.grpc);
  return {
    ready: { mysql: ports.mysql, grpc: ports.grpc, http: httpPort, address },
    shutdown: (deadlineMs) => {
      stopping = true;
      return lifecycle.shutdown(deadlineMs);
    },
  };
}

/** The pipelines need the executor's core, and the executor's statements need the pipelines. */
function pipelinesFactory(metrics: MetricRegistry, security: NodeSecurity, logger: Logger) {
  const extractors = new GrpcExtractorClients(security);
  const recorded = metrics.declare(pipelineMetricSpecs);
  let created: Pipelines | undefined;
  return {
    create: ({ catalog, coordinator, registry, globals, bindContext }: ExecutorCore): Pipelines => {
      created = new Pipelines({
        catalog,
        bindContext,
        transactions: coordinator,
        extractors,
        nodes: {
          extractors: () => registry.onlineNodes('extractor'),
          runners: () => registry.onlineNodes('transform-runner'),
          leaves: () => registry.onlineNodes('leaf'),
        },
        clock: {
          nowSeconds: () => Date.now() / 1000,
          monotonicSeconds: () => performance.now() / 1000,
        },
        sourceDelayMs: () => Number(globals.integer('pipelines_source_retry_delay_ms')),
        logger,
        metrics: recorded,
      });
      return created;
    },
    get: (): Pipelines => {
      if (created === undefined) throw new Error('pipelines are used before the executor exists');
      return created;
    },
    close: () => extractors.close(),
  };
}

function grpcServer(
  options: Options,
  executor: Executor,
  pipelines: Pipelines,
  catalog: CatalogStore,
  security: NodeSecurity,
  logger: Logger,
): RpcServer {
  const handlers = new Handlers('aggregator', logger);
  return new RpcServer({
    host: options.host,
    port: options.grpcPort,
    services: [...executor.services, pipelineAdminService(pipelines, catalog, handlers)],
    logger,
    reflection: true,
    security,
  });
}

/** The certificate of the MySQL port: its own, or that of gRPC. */
function openMysqlTls(options: Options, security: NodeSecurity, logger: Logger): TlsFiles | undefined {
  const paths = mysqlTlsPaths(options);
  const tls = paths === undefined ? security.tls : new TlsFiles(paths, logger);
  if (tls === undefined && options.mysqlRequireTls) {
    throw new MillraceError(
      'OPTION_INVALID',
      '--mysql-require-tls needs a certificate: give --mysql-tls-cert and --mysql-tls-key',
    );
  }
  return tls;
}

function mysqlServer(
  options: Options,
  tls: TlsFiles | undefined,
  executor: Executor,
  logger: Logger,
): MysqlServer {
  const rootHash = storedHashOf(options.rootPassword.reveal());
  return new MysqlServer({
    host: options.host,
    port: options.mysqlPort,
    serverVersion: mysqlVersion,
    tls,
    requireTls: options.mysqlRequireTls,
    maxConnections: options.connectionsMax,
    authenticate: async (user, checkPassword) => user === 'root' && checkPassword(rootHash),
    openSession: (client) => executor.openSession(client),
    logger,
  });
}

function checkRootPassword({ host, rootPassword }: Options): void {
  if (!isLoopback(host) && rootPassword.reveal() === '') {
    throw new MillraceError('OPTION_INVALID', `--root-password is needed when listening on ${host}`, {
      detail: 'give it as MILLRACE_ROOT_PASSWORD or in a file, not on the command line',
    });
  }
}
