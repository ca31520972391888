/** Runs the development broker on any free port until its standard input ends; prints its address. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DevBroker } from '@millrace/kafka-devbroker/dev-broker';

const dataDir = mkdtempSync(join(tmpdir(), 'millrace-bench-kafka-'));
const broker = await DevBroker.start({ dataDir });
process.stdout.write(`127.0.0.1:${broker.port}\n`);
process.stdin.resume();
process.stdin.on('end', async () => {
  await broker.stop();
  rmSync(dataDir, { recursive: true, force: true });
});
