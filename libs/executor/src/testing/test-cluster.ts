import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CatalogStore } from '@millrace/catalog/catalog-store';
import { type Engine, openEngine } from '@millrace/engine/duckdb-instance';
import { RpcServer } from '@millrace/rpc/server';
import { silentLogger } from '@millrace/runtime/logger';
import { AutoIncrement } from '../changes/auto-increment.ts';
import { InsertRows } from '../changes/insert-rows.ts';
import { LeafAdmission } from '../cluster/leaf-admission.ts';
import { NodeRegistry } from '../cluster/node-registry.ts';
import { SchemaDistribution } from '../cluster/schema-distribution.ts';
import { MergeEngine } from '../queries/merge-engine.ts';
import { SelectRunner } from '../queries/select-runner.ts';
import { clusterService } from '../services/cluster-service.ts';
import { LeafChannels } from '../services/grpc-leaf-client.ts';
import { TransactionCoordinator } from '../transactions/transaction-coordinator.ts';
import { FakeLeaf } from './fake-leaf.ts';

export const testHashProbe = '42';

/** The aggregator's parts below the statements, with fake leaves over real channels. */
export class TestCluster {
  readonly catalog: CatalogStore;
  readonly registry: NodeRegistry;
  readonly coordinator: TransactionCoordinator;
  readonly distribution: SchemaDistribution;
  readonly runner: SelectRunner;
  readonly inserts: InsertRows;
  readonly leaves: FakeLeaf[] = [];
  readonly #channels = new LeafChannels();
  readonly #server: RpcServer;
  readonly #engine: Engine;
  readonly #mergeEngine: MergeEngine;
  readonly #directory: string;
  address = '';

  private constructor(engine: Engine, directory: string, leaseMs: number) {
    this.#engine = engine;
    this.#directory = directory;
    this.catalog = new CatalogStore(':memory:');
    const logger = silentLogger;
    this.registry = new NodeRegistry({
      store: this.catalog.schema,
      clusterId: 'test-cluster',
      hashProbe: testHashProbe,
      leaseMs,
      logger,
      connectLeaf: (leaf, ends) => this.#channels.connect(leaf, ends),
      admitLeaf: (leaf, prepared, complete, signal) => admission.admit(leaf, prepared, complete, signal),
    });
    this.coordinator = new TransactionCoordinator({
      catalog: this.catalog,
      leaves: this.registry,
      logger,
      epoch: 1n,
      crashPoint: () => {},
      applyWaitMs: 200,
    });
    const admission = new LeafAdmission(this.catalog, this.coordinator, logger);
    this.distribution = new SchemaDistribution(this.catalog, this.registry, logger);
    this.#mergeEngine = new MergeEngine(engine, directory);
    this.runner = new SelectRunner({
      map: this.catalog.schema,
      leaves: this.registry,
      engine: this.#mergeEngine,
      gatherBytesMax: 2 ** 24,
    });
    this.inserts = new InsertRows({
      map: this.catalog.schema,
      leaves: this.registry,
      runner: this.runner,
      coordinator: this.coordinator,
      autoIncrement: new AutoIncrement(this.catalog.schema),
    });
    const service = clusterService({
      registry: this.registry,
      resolve: (id) => this.coordinator.resolve(id),
      clusterId: 'test-cluster',
      address: () => this.address,
      version: 'test',
      logger,
    });
    this.#server = new RpcServer({ host: '127.0.0.1', port: 0, services: [service], logger });
  }

  static async start(leafCount: number, leaseMs = 10_000): Promise<TestCluster> {
    const directory = await mkdtemp(join(tmpdir(), 'test-cluster-'));
    const engine = await openEngine({ threads: 1, memoryLimitBytes: 2 ** 28, tempDirectory: directory });
    const cluster = new TestCluster(engine, directory, leaseMs);
    cluster.address = `127.0.0.1:${await cluster.#server.start()}`;
    for (let count = 0; count < leafCount; count += 1) await cluster.addLeaf();
    return cluster;
  }

  async addLeaf(): Promise<FakeLeaf> {
    const leaf = await FakeLeaf.start();
    this.leaves.push(leaf);
    await leaf.join(this.address, testHashProbe);
    return leaf;
  }

  async stop(): Promise<void> {
    for (const leaf of this.leaves) await leaf.stop();
    this.registry.close();
    this.#server.stop();
    await this.distribution.stop();
    await this.coordinator.stop();
    await this.#mergeEngine.close();
    this.#channels.close();
    this.catalog.close();
    this.#engine.close();
    await rm(this.#directory, { recursive: true, force: true });
  }
}
