import { Cluster } from '../support/cluster.ts';
import type { SqlClient } from '../support/sql-client.ts';
import { startStandalone } from '../support/standalone.ts';
import type { BenchOptions } from './options.ts';
import type { WatchedProcess } from './process-usage.ts';

/** The Millrace that is measured: leaves (2 by default), one extractor, one runner, with an empty data directory. */
export interface System extends AsyncDisposable {
  readonly processes: readonly WatchedProcess[];
  connect(database?: string): Promise<SqlClient>;
}

export async function startSystem({
  mode,
  leaves = 2,
  profileDir,
}: Pick<BenchOptions, 'mode' | 'profileDir'> & { readonly leaves?: number }): Promise<System> {
  return mode === 'standalone' ? standaloneSystem(leaves) : clusterSystem(leaves, profileDir);
}

async function standaloneSystem(leaves: number): Promise<System> {
  const standalone = await startStandalone({ leaves });
  return {
    processes: [{ name: 'standalone', pid: standalone.process.pid }],
    connect: (database) => standalone.connect(database),
    [Symbol.asyncDispose]: () => standalone[Symbol.asyncDispose](),
  };
}

async function clusterSystem(leaves: number, profileDir: string | undefined): Promise<System> {
  const cluster = await Cluster.start({ leaves });
  if (profileDir !== undefined) await profileServices(cluster, profileDir);
  return {
    processes: cluster.names.map((name) => ({ name, pid: cluster.process(name).pid })),
    connect: (database) => cluster.connect(database),
    async [Symbol.asyncDispose]() {
      // A profile is written by a process that ends in order, not by one that is killed.
      if (profileDir !== undefined)
        await Promise.all(cluster.names.map((name) => cluster.process(name).stop()));
      await cluster[Symbol.asyncDispose]();
    },
  };
}

async function profileServices(cluster: Cluster, directory: string): Promise<void> {
  for (const name of cluster.names) {
    const flags = ['--cpu-prof', `--cpu-prof-dir=${directory}`, `--cpu-prof-name=${name}.cpuprofile`];
    await cluster.process(name).stop();
    await cluster.start(name, { NODE_OPTIONS: flags.join(' ') });
  }
}
