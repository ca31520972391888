import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CatalogStore } from '@millrace/catalog/catalog-store';
import type { Engine } from '@millrace/engine/duckdb-instance';
import { shardHashProbe, shardHashProbeSql } from '@millrace/engine/shard-hash';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { MysqlSession, SessionClient } from '@millrace/mysql-wire/session';
import type { BindContext } from '@millrace/planner/bind-context';
import type { NodeSecurity } from '@millrace/rpc/node-security';
import type { ServiceBinding } from '@millrace/rpc/server';
import type { Logger } from '@millrace/runtime/logger';
import { AutoIncrement } from './changes/auto-increment.ts';
import { InsertRows } from './changes/insert-rows.ts';
import { LeafAdmission } from './cluster/leaf-admission.ts';
import { NodeRegistry } from './cluster/node-registry.ts';
import { SchemaDistribution } from './cluster/schema-distribution.ts';
import { hostAndPort } from './information-schema/information-view.ts';
import { type AggregatorGauges, aggregatorGauges, type StatementMetrics } from './metrics.ts';
import { MergeEngine } from './queries/merge-engine.ts';
import { SelectRunner } from './queries/select-runner.ts';
import { clusterService } from './services/cluster-service.ts';
import { LeafChannels } from './services/grpc-leaf-client.ts';
import { queryService } from './services/query-service.ts';
import { bindContextOf } from './sessions/bind-context.ts';
import { ProcessList } from './sessions/process-list.ts';
import { Session } from './sessions/session.ts';
import { SessionState } from './sessions/session-state.ts';
import type { PipelinePort } from './statements/pipeline-port.ts';
import type { StatementServices } from './statements/statement-handler.ts';
import {
  TransactionCoordinator,
  type TransactionCrashPoint,
} from './transactions/transaction-coordinator.ts';
import { GlobalVariables } from './variables/variable-store.ts';

/** What a pipeline coordinator gets of the executor. */
export interface ExecutorCore {
  readonly catalog: CatalogStore;
  readonly coordinator: TransactionCoordinator;
  readonly registry: NodeRegistry;
  readonly globals: GlobalVariables;
  /** For binding a stored definition outside a session, in this database. */
  readonly bindContext: (database: string) => BindContext;
}

export interface ExecutorOptions {
  readonly catalog: CatalogStore;
  /** The aggregator's own in-memory engine; its memory limit and spill directory bound merges. */
  readonly engine: Engine;
  /** Directory of its own for gathered rows; emptied at start. */
  readonly tempDirectory: string;
  readonly createPipelines: (core: ExecutorCore) => PipelinePort;
  readonly version: string;
  /** "host:port" of the MySQL and the gRPC port, once they are bound. */
  readonly mysqlAddress: () => string;
  readonly grpcAddress: () => string;
  /** Whether MySQL clients can, or must, use TLS. */
  readonly mysqlTls: 'none' | 'offered' | 'required';
  /** Ends a MySQL connection, for KILL. */
  readonly killConnection: (connectionId: bigint) => void;
  /** What this node shows the leaves; nothing unless given. */
  readonly security?: NodeSecurity;
  readonly logger: Logger;
  readonly metrics: StatementMetrics;
  /** Unix milliseconds. */
  readonly nowMs: () => number;
  readonly random: () => number;
  /** Told at named places of a transaction; a test may end the process there. */
  readonly crashPoint: (name: TransactionCrashPoint) => void | Promise<void>;
}

export interface Executor {
  readonly core: ExecutorCore;
  readonly pipelines: PipelinePort;
  readonly gauges: AggregatorGauges;
  /** Query and Cluster; serve them on the gRPC port before leaves can register. */
  readonly services: readonly ServiceBinding[];
  /** Delivers decisions that leaves may not have seen; call once, when the services are served. */
  start(): void;
  openSession(client: SessionClient): Promise<MysqlSession>;
  /** Ends registrations and background work. Sessions must have been closed before. */
  stop(): Promise<void>;
}

/** Short, so that the work of a node that hangs moves on within 5 s. */
const leaseMs = 3_000;
const applyWaitMs = 5_000;
/** Ids of gRPC sessions begin above the 32 bits of MySQL connection ids. */
const grpcSessionIdFirst = 2n ** 32n;

/** Builds the aggregator's SQL side. Throws HASH_MISMATCH when this engine hashes differently from the catalog's cluster. */
export async function createExecutor(options: ExecutorOptions): Promise<Executor> {
  const { catalog, logger, nowMs, random } = options;
  const hashProbe = await checkedHashProbe(options);
  const clusterId = clusterIdOf(catalog);
  const directory = join(options.tempDirectory, 'gather');
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });

  const startedAt = nowMs() / 1_000;
  const globals = new GlobalVariables(catalog.schema, {
    hostname: () => hostAndPort(options.mysqlAddress())[0],
    port: () => hostAndPort(options.mysqlAddress())[1],
    server_uuid: () => clusterId,
    start_time: () => startedAt,
    have_openssl: () => (options.mysqlTls === 'none' ? 'DISABLED' : 'YES'),
    have_ssl: () => (options.mysqlTls === 'none' ? 'DISABLED' : 'YES'),
    require_secure_transport: () => (options.mysqlTls === 'required' ? 1n : 0n),
  });
  const channels = new LeafChannels(options.security);
  const registry: NodeRegistry = new NodeRegistry({
    store: catalog.schema,
    clusterId,
    hashProbe,
    leaseMs,
    logger,
    connectLeaf: (leaf, ends) => channels.connect(leaf, ends),
    admitLeaf: (leaf, prepared, complete, signal) => admission.admit(leaf, prepared, complete, signal),
  });
  const coordinator: TransactionCoordinator = new TransactionCoordinator({
    catalog,
    leaves: registry,
    logger,
    epoch: catalog.schema.nextId('transaction_epoch'),
    crashPoint: options.crashPoint,
    applyWaitMs,
  });
  const admission = new LeafAdmission(catalog, coordinator, logger);
  const mergeEngine = new MergeEngine(options.engine, directory);
  const runner = new SelectRunner({
    map: catalog.schema,
    leaves: registry,
    engine: mergeEngine,
    gatherBytesMax: Number(globals.integer('gather_bytes_max')),
  });
  const autoIncrement = new AutoIncrement(catalog.schema);
  const inserts = new InsertRows({
    map: catalog.schema,
    leaves: registry,
    runner,
    coordinator,
    autoIncrement,
  });
  const processes = new ProcessList();
  const core: ExecutorCore = {
    catalog,
    coordinator,
    registry,
    globals,
    bindContext: (database) => {
      const state = new SessionState({ connectionId: 0n, user: 'root', host: '' }, globals);
      state.database = database;
      return bindContextOf(state, { catalog: catalog.schema, globals, nowMs, random }, []);
    },
  };
  const pipelines = options.createPipelines(core);
  const services: StatementServices = {
    catalog,
    registry,
    distribution: new SchemaDistribution(catalog, registry, logger),
    coordinator,
    runner,
    inserts,
    autoIncrement,
    globals,
    processes,
    pipelines,
    logger,
  };
  const { distribution } = services;
  const { metrics } = options;
  const sessionOptions = { services, aggregatorAddress: options.mysqlAddress, nowMs, random, metrics };
  let grpcSessionIdNext = grpcSessionIdFirst;

  return {
    core,
    pipelines,
    gauges: aggregatorGauges(registry, processes, coordinator),
    services: [
      clusterService({
        registry,
        resolve: (id) => coordinator.resolve(id),
        clusterId,
        address: options.grpcAddress,
        version: options.version,
        logger,
      }),
      queryService({
        openSession: (host, endConnection) => {
          const identity = { connectionId: grpcSessionIdNext, user: 'root', host };
          grpcSessionIdNext += 1n;
          return new Session({ ...sessionOptions, identity, endConnection, multiStatements: () => false });
        },
        logger,
      }),
    ],
    start: () => coordinator.recover(),
    openSession: async (client) =>
      new Session({
        ...sessionOptions,
        identity: {
          connectionId: client.connectionId,
          user: client.user,
          host: `${client.remote.address}:${client.remote.port}`,
          tls: client.tls,
        },
        endConnection: () => options.killConnection(client.connectionId),
        multiStatements: () => client.multiStatements,
      }),
    stop: async () => {
      registry.close();
      await distribution.stop();
      await coordinator.stop();
      await mergeEngine.close();
      channels.close();
    },
  };
}

/** The probe of the shard hash, the same for the engine, this program and the cluster's data. */
async function checkedHashProbe({ engine, catalog }: ExecutorOptions): Promise<string> {
  const expected = shardHashProbe().toString();
  const connection = await engine.connect();
  const [[actual] = []] = await connection.rows(shardHashProbeSql).finally(() => connection.close());
  const stored = catalog.schema.setting('hash_probe') ?? expected;
  if (String(actual) !== expected || stored !== expected) {
    throw new MillraceError(
      'HASH_MISMATCH',
      `this build hashes the probe to ${String(actual)}, the cluster to ${stored}`,
    );
  }
  catalog.schema.saveSetting('hash_probe', expected);
  return expected;
}

function clusterIdOf(catalog: CatalogStore): string {
  const known = catalog.schema.setting('cluster_id');
  if (known !== undefined) return known;
  const clusterId = randomUUID();
  catalog.schema.saveSetting('cluster_id', clusterId);
  return clusterId;
}
