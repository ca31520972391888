import type { MetricReaders, ObservedSpecs } from '@millrace/runtime/metrics';
import type { ProcessPool } from './process-pool.ts';

/** What a transform-runner is doing. */
export const runnerGaugeSpecs = {
  programs: {
    type: 'gauge',
    name: 'transform_programs',
    help: 'Programs that run, and runs that wait for a place',
    labels: ['state'],
  },
} as const satisfies ObservedSpecs;

export function runnerGauges(pool: ProcessPool): MetricReaders<typeof runnerGaugeSpecs> {
  return {
    programs: () => Object.entries(pool.load).map(([state, value]) => ({ value, labels: { state } })),
  };
}
