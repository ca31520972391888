import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { startMember } from '@millrace/rpc/member-node';
import { openNodeSecurity } from '@millrace/rpc/node-security';
import type { Logger } from '@millrace/runtime/logger';
import { MetricRegistry } from '@millrace/runtime/metrics';
import { listenOptions, memberOptions } from '@millrace/runtime/node-options';
import type { OptionSpecs, OptionValues } from '@millrace/runtime/options';
import type { RunningService, ServiceProgram } from '@millrace/runtime/process';
import { createWorkDirectory } from '@millrace/runtime/work-directory';
import { endProgramsIn } from '@millrace/transform/left-programs';
import { ProcessPool } from '@millrace/transform/process-pool';
import { runnerGaugeSpecs, runnerGauges } from '@millrace/transform/runner-gauges';
import { transformService } from '@millrace/transform/transform-service';

/** Bounds of users' programs. */
export const programOptions = {
  programsMax: { type: 'integer', help: 'transform programs running at once', default: 8, min: 1, max: 1024 },
  timeLimitSeconds: {
    type: 'integer',
    help: 'longest run of a transform program',
    default: 300,
    unit: 'seconds',
    min: 1,
    max: 86_400,
  },
  outputLimitMb: {
    type: 'integer',
    help: 'most output of one run of a transform program',
    default: 4096,
    unit: 'megabytes',
    min: 1,
  },
  memoryLimitMb: {
    type: 'integer',
    help: 'most memory of one transform program',
    default: 512,
    unit: 'megabytes',
    min: 1,
  },
} as const satisfies OptionSpecs;

export const runnerOptions = {
  ...listenOptions,
  ...memberOptions,
  ...programOptions,
} as const satisfies OptionSpecs;

const megabyte = 1024 * 1024;
const spareIdleMs = 60_000;

export const runnerProgram: ServiceProgram<typeof runnerOptions> = {
  usage: 'millrace start transform-runner',
  description: "Runs users' transform programs for pipelines WITH TRANSFORM.",
  options: runnerOptions,
  start: startRunner,
};

export async function startRunner(
  options: OptionValues<typeof runnerOptions>,
  parentLogger: Logger,
): Promise<RunningService> {
  const logger = parentLogger.child({ service: 'transform-runner' });
  const security = openNodeSecurity(options, logger);
  const workDir = createWorkDirectory(tmpdir(), 'transform', endProgramsIn);
  const pool = new ProcessPool({
    workDir,
    runningMax: options.programsMax,
    spareIdleMs,
  });
  const metrics = new MetricRegistry();
  metrics.observe(runnerGaugeSpecs, runnerGauges(pool));
  const limits = {
    timeMsMax: options.timeLimitSeconds * 1000,
    outputBytesMax: options.outputLimitMb * megabyte,
    memoryBytesMax: options.memoryLimitMb * megabyte,
  };
  return startMember(
    {
      role: 'transform-runner',
      security,
      capacity: options.programsMax,
      services: (handlers) => [transformService(pool, limits, handlers)],
      stop: async () => {
        pool.close();
        await rm(workDir, { recursive: true, force: true, maxRetries: 3 });
      },
    },
    options,
    metrics,
    logger,
  );
}
