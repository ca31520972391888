import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { onTestFinished } from 'vitest';
import { DevBroker, type DevBrokerOptions } from '../dev-broker.ts';

/** For tests: a data directory that is removed when the test ends. */
export async function temporaryDataDir(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-devbroker-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  return directory;
}

/** For tests: a broker that is stopped when the test ends, if it was not before. */
export async function startBroker(options: Partial<DevBrokerOptions> = {}): Promise<DevBroker> {
  const broker = await DevBroker.start({
    dataDir: options.dataDir ?? (await temporaryDataDir()),
    ...options,
  });
  onTestFinished(() => broker.stop());
  return broker;
}

/** For tests: a kafkajs client that retries soon. */
export function kafkaClient(broker: DevBroker): Kafka {
  return new Kafka({
    brokers: [`127.0.0.1:${broker.port}`],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 20, maxRetryTime: 200, retries: 20 },
  });
}
