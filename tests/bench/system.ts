import { join } from 'node:path';
import { Cluster } from '../support/cluster.ts';
import type { SqlClient } from '../support/sql-client.ts';
import { startStandalone } from '../support/standalone.ts';
import type { BenchOptions } from './options.ts';
import type { WatchedProcess } from './process-usage.ts';

/** The Millrace that is measured: 2 leaves, one extractor, one runner, with an empty data directory. */
export interface System extends AsyncDisposable {
  readonly processes: readonly WatchedProcess[];
  connect(database?: string): Promise<SqlClient>;
}

export async function startSystem({ mode, profileDir }: BenchOptions): Promise<System> {
  // Services inherit this process's environment; the flag makes each write its profile when it ends in order.
  const profile = profileDir === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profileDir}` };
  return mode === 'standalone' ? standaloneSystem(profile) : clusterSystem(profile);
}
