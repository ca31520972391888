import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DevBroker } from '@millrace/kafka-devbroker/dev-broker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repositoryRoot } from '../support/millrace-process.ts';

describe('millrace generate', () => {
  let dir: string;
  let broker: DevBroker;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'millrace-generate-'));
    broker = await DevBroker.start({ dataDir: dir });
  });

  afterAll(async () => {
    await broker?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  it('waits for the leaders of a topic that it has created', async () => {
    // What Kafka answers in the moment between naming a leader and its knowing.
    const effect = { kind: 'error', error: 'NOT_LEADER_OR_FOLLOWER' } as const;
    const fault = broker.faults.add({ api: 'ListOffsets', times: 2, effect });
    const main = join(repositoryRoot, 'apps/cli/src/main.ts');
    const args = ['generate', '--brokers', `127.0.0.1:${broker.port}`, '--topic', 'fresh', '--count', '500'];
    const { stdout } = await promisify(execFile)(process.execPath, [main, ...args]);
    expect(stdout).toContain('500 events written to topic fresh');
    expect(fault.hits).toBe(2);
  });
});
