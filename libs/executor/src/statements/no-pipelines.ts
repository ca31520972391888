import { MillraceError } from '@millrace/errors/millrace-error';
import type { PipelinePort } from './pipeline-port.ts';

async function refuse(): Promise<never> {
  throw new MillraceError('SQL_UNSUPPORTED', 'this aggregator runs without pipelines');
}

/** For an aggregator without pipeline coordinator, as in tests of SQL alone. */
export const noPipelines: PipelinePort = {
  create: refuse,
  alter: refuse,
  start: refuse,
  startForeground: refuse,
  startAll: refuse,
  stop: refuse,
  stopAll: refuse,
  drop: refuse,
  dropAll: async () => {},
  test: refuse,
  showCreate: refuse,
  clearErrors: refuse,
  pipelinesInto: () => [],
  describe: () => ({ sourceType: '', configJson: '{}' }),
};
