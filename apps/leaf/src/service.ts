import { join } from 'node:path';
import { shardHashProbe } from '@millrace/engine/shard-hash';
import { MillraceError } from '@millrace/errors/millrace-error';
import { LeafService } from '@millrace/proto/millrace/leaf/v1/leaf';
import { readIdentity, saveIdentity } from '@millrace/rpc/identity-file';
import { startMember } from '@millrace/rpc/member-node';
import type { NodeIdentity } from '@millrace/rpc/node-agent';
import { openNodeSecurity } from '@millrace/rpc/node-security';
import { TransactionOutcomes } from '@millrace/rpc/transaction-outcomes';
import { crashPointOf } from '@millrace/runtime/crash-point';
import {
  type DataDirectory,
  openDataDirectory,
  openPooledDataDirectory,
} from '@millrace/runtime/data-directory';
import { engineOptions, engineSettings } from '@millrace/runtime/engine-options';
import type { Logger } from '@millrace/runtime/logger';
import { MetricRegistry } from '@millrace/runtime/metrics';
import { listenOptions, memberOptions } from '@millrace/runtime/node-options';
import type { OptionSpecs, OptionValues } from '@millrace/runtime/options';
import type { RunningService, ServiceProgram } from '@millrace/runtime/process';
import { createLeaf } from '@millrace/storage/leaf';
import { leafGaugeSpecs, leafGauges } from '@millrace/storage/leaf-gauges';
import { leafService } from '@millrace/storage/leaf-service';

export const leafOptions = {
  dataDir: { type: 'string', help: 'where this leaf keeps its partitions', unit: 'dir' },
  dataDirPool: {
    type: 'string',
    help: 'instead of --data-dir, a folder that several leaves share: each takes the first slot-N in it that no other holds',
    unit: 'dir',
  },
  ...listenOptions,
  ...memberOptions,
  ...engineOptions,
} as const satisfies OptionSpecs;

export const leafProgram: ServiceProgram<typeof leafOptions> = {
  usage: 'millrace start leaf',
  description: 'Stores partitions of the databases and runs its share of every query.',
  options: leafOptions,
  start: startLeaf,
};

export async function startLeaf(
  options: OptionValues<typeof leafOptions>,
  parentLogger: Logger,
): Promise<RunningService> {
  const logger = parentLogger.child({ service: 'leaf' });
  const security = openNodeSecurity(options, logger);
  const directory = openDirectory(options);
  try {
    let identity = readIdentity(directory.path);
    const outcomes = new TransactionOutcomes(options.aggregator, security);
    const leaf = createLeaf({
      dataDir: directory.path,
      engine: engineSettings(options, join(directory.path, 'spill')),
      clock: () => performance.now(),
      logger,
      resolveOutcomes: (transactionIds) => outcomes.resolve(transactionIds, identity.clusterId),
      crashPoint: crashPointOf(process.env['MILLRACE_CRASH_POINT']),
    });
    await leaf.start();
    const member = {
      role: 'leaf' as const,
      security,
      capacity: options.engineThreads,
      services: (handlers: Parameters<typeof leafService>[2]) => [
        { definition: LeafService, implementation: leafService(leaf, identity.nodeId, handlers) },
      ],
      hashProbe: shardHashProbe().toString(),
      identity,
      saveIdentity: async (assigned: NodeIdentity) => {
        await saveIdentity(directory.path, assigned);
        identity = assigned;
      },
      prepared: () => leaf.openTransactions(),
      drain: () => leaf.drain(),
      stop: async () => {
        await leaf.stop();
        outcomes.close();
        directory.release();
      },
    };
    const metrics = new MetricRegistry();
    metrics.observe(leafGaugeSpecs, leafGauges(leaf, directory.path));
    return await startMember(member, options, metrics, logger);
  } catch (error) {
    security.tls?.close();
    directory.release();
    throw error;
  }
}

function openDirectory({ dataDir, dataDirPool }: OptionValues<typeof leafOptions>): DataDirectory {
  if (dataDir !== undefined && dataDirPool === undefined) return openDataDirectory(dataDir);
  if (dataDir === undefined && dataDirPool !== undefined) return openPooledDataDirectory(dataDirPool);
  throw new MillraceError('OPTION_INVALID', 'a leaf needs either --data-dir or --data-dir-pool');
}
