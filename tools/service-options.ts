import { aggregatorProgram } from '@millrace/app-aggregator/service';
import { leafProgram } from '@millrace/app-leaf/service';
import { extractorProgram } from '@millrace/app-pipeline-extractor/service';
import { runnerProgram } from '@millrace/app-transform-runner/service';
import type { OptionSpecs } from '@millrace/runtime/options';
import { processOptions } from '@millrace/runtime/process';

/** Every option of each service of a cluster. */
export const serviceOptions = {
  aggregator: { ...aggregatorProgram.options, ...processOptions },
  leaf: { ...leafProgram.options, ...processOptions },
  'pipeline-extractor': { ...extractorProgram.options, ...processOptions },
  'transform-runner': { ...runnerProgram.options, ...processOptions },
} as const satisfies Record<string, OptionSpecs>;

export type ServiceName = keyof typeof serviceOptions;

export const serviceNames = Object.keys(serviceOptions) as ServiceName[];
