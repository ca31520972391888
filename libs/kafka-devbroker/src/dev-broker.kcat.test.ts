import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { startBroker } from './testing/broker-fixture.ts';

const kcatMissing = spawnSync('kcat', ['-V']).error !== undefined;
if (kcatMissing) {
  process.stderr.write('skipping the tests of the development broker with kcat: kcat is not installed\n');
}

const timeoutMs = 15_000;

/** Runs kcat with `input` and returns what it prints. */
async function kcat(port: number, args: readonly string[], input = ''): Promise<string> {
  const child = execFile('kcat', ['-b', `127.0.0.1:${port}`, '-q', ...args], { timeout: timeoutMs });
  child.stdin?.end(input);
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error('kcat has no output');
  const output = Promise.all([text(stdout), text(stderr)]);
  const [code] = await once(child, 'close');
  const [out, err] = await output;
  if (code !== 0) throw new Error(`kcat ${args.join(' ')} ended with ${code}: ${err}`);
  return out;
}

const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `k${from + i}:v${from + i}`);

const sorted = (output: string) => output.trimEnd().split('\n').sort();

describe.skipIf(kcatMissing)('DevBroker with kcat', () => {
  it('carries records in every codec, and from an idempotent producer', async () => {
    const broker = await startBroker();
    await broker.createTopic('events', 3);
    const variants = [
      ...['none', 'gzip', 'snappy', 'lz4', 'zstd'].map((codec) => ['-z', codec]),
      ['-X', 'enable.idempotence=true'],
      ['-X', 'acks=0'],
    ];
    for (const [i, variant] of variants.entries()) {
      const input = lines(i * 300, (i + 1) * 300);
      await kcat(broker.port, ['-P', '-t', 'events', '-K:', ...variant], `${input.join('\n')}\n`);
    }
    const output = await kcat(broker.port, ['-C', '-t', 'events', '-K:', '-o', 'beginning', '-e']);
    expect(sorted(output)).toEqual(lines(0, variants.length * 300).sort());
  });

  it('consumes as a group and continues where it stopped', async () => {
    const broker = await startBroker();
    await broker.createTopic('events', 3);
    const args = ['-G', 'g', '-K:', '-X', 'auto.offset.reset=earliest', '-e', 'events'];
    for (const from of [0, 500]) {
      const input = lines(from, from + 500);
      await kcat(broker.port, ['-P', '-t', 'events', '-K:'], `${input.join('\n')}\n`);
      expect(sorted(await kcat(broker.port, args))).toEqual(input.sort());
    }
  });

  it('finds offsets by time and lists metadata', async () => {
    const broker = await startBroker();
    await broker.createTopic('events', 1);
    await kcat(broker.port, ['-P', '-t', 'events'], 'a\nb\n');
    expect(await kcat(broker.port, ['-Q', '-t', 'events:0:1000'])).toContain('events [0] offset 0');
    expect(await kcat(broker.port, ['-L'])).toContain('topic "events" with 1 partitions');
  });
});
