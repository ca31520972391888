import { statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { createExtractor } from '@millrace/extract/extractor';
import { extractorMetricSpecs } from '@millrace/extract/extractor-metrics';
import { extractorService } from '@millrace/extract/services/extractor-service';
import { leafStager } from '@millrace/extract/services/leaf-stager';
import { LeafClient } from '@millrace/proto/millrace/leaf/v1/leaf';
import { TransformClient } from '@millrace/proto/millrace/transform/v1/transform';
import { ChannelPool } from '@millrace/rpc/client';
import { startMember } from '@millrace/rpc/member-node';
import { openNodeSecurity } from '@millrace/rpc/node-security';
import { crashPointOf } from '@millrace/runtime/crash-point';
import { engineOptions } from '@millrace/runtime/engine-options';
import type { Logger } from '@millrace/runtime/logger';
import { MetricRegistry } from '@millrace/runtime/metrics';
import { listenOptions, memberOptions } from '@millrace/runtime/node-options';
import type { OptionSpecs, OptionValues } from '@millrace/runtime/options';
import type { RunningService, ServiceProgram } from '@millrace/runtime/process';

export const extractorOptions = {
  ...listenOptions,
  ...memberOptions,
  ...engineOptions,
  engineMemoryMb: { ...engineOptions.engineMemoryMb, default: 512 },
  workDir: {
    type: 'string',
    help: 'for passing files, best on a memory file system; /dev/shm where that holds --memory-mb, else the temporary folder',
    unit: 'dir',
  },
  memoryMb: {
    type: 'integer',
    help: 'memory for records and rows of all batches',
    default: 512,
    unit: 'megabytes',
    min: 32,
  },
} as const satisfies OptionSpecs;

export const extractorProgram: ServiceProgram<typeof extractorOptions> = {
  usage: 'millrace start pipeline-extractor',
  description:
    'Reads Kafka for pipelines, turns records into rows and delivers them to the leaves. Keeps nothing.',
  options: extractorOptions,
  start: startExtractor,
};

const megabyte = 1024 * 1024;

export async function startExtractor(
  options: OptionValues<typeof extractorOptions>,
  parentLogger: Logger,
): Promise<RunningService> {
  const logger = parentLogger.child({ service: 'pipeline-extractor' });
  const security = openNodeSecurity(options, logger);
  const leaves = new ChannelPool(LeafClient, security);
  const runners = new ChannelPool(TransformClient, security);
  const metrics = new MetricRegistry();
  const extractor = createExtractor({
    workDirectory: options.workDir ?? defaultWorkDirectory(options.memoryMb * megabyte),
    engineThreads: options.engineThreads,
    engineMemoryBytesMax: options.engineMemoryMb * megabyte,
    bufferBytesMax: options.memoryMb * megabyte,
    stage: leafStager(leaves),
    logger,
    metrics: metrics.declare(extractorMetricSpecs),
    crashPoint: crashPointOf(process.env['MILLRACE_CRASH_POINT']),
  });
  return startMember(
    {
      role: 'extractor',
      security,
      capacity: options.engineThreads,
      services: (handlers) => [extractorService(extractor, runners, handlers)],
      stop: () => {
        extractor.close();
        leaves.close();
        runners.close();
      },
    },
    options,
    metrics,
    logger,
  );
}

/** Memory, if there is a file system of it that holds what may be in hand; in a container that is often only 64 MB. */
function defaultWorkDirectory(bytesMax: number): string {
  const sharedMemory = '/dev/shm';
  try {
    const { bsize, blocks } = statfsSync(sharedMemory);
    if (bsize * blocks >= bytesMax) return sharedMemory;
  } catch {
    // There is none.
  }
  return tmpdir();
}
