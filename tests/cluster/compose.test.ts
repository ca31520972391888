import { mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePorts } from '../support/ports.ts';
import { eventually, SqlClient } from '../support/sql-client.ts';
import { ComposeProject } from './compose-project.ts';
import { hasDocker, imagesTimeoutMs, provideImages } from './images.ts';

const scale = ['--scale', 'leaf=3', '--scale', 'pipeline-extractor=2'];
const counts = {
  aggregator: 1,
  leaf: 3,
  'pipeline-extractor': 2,
  'transform-runner': 1,
  kafka: 1,
  generator: 1,
};
const once = ['cluster-token', 'demo', 'root-password'];

/** docker/compose.yaml as users run it. The tests build on each other. */
describe.runIf(hasDocker)('docker/compose.yaml', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-compose-'));
  const passwordFile = join(folder, 'password');
  let project: ComposeProject;
  let port: number;
  let loaded = '';

  beforeAll(async () => {
    await provideImages();
    const [mysql = 0, grpc = 0, http = 0] = await freePorts(3);
    port = mysql;
    writeFileSync(passwordFile, 'from-a-file\n', { mode: 0o600 });
    project = await ComposeProject.create(`millrace-test-${process.pid}`, {
      MILLRACE_MYSQL_PORT: String(mysql),
      MILLRACE_GRPC_PORT: String(grpc),
      MILLRACE_HTTP_PORT: String(http),
      MILLRACE_DEMO_RATE: '2000',
    });
  }, imagesTimeoutMs);

  afterAll(async () => {
    await project?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') process.stderr.write(await project.compose(['logs', '--tail', '40']));
  });

  const count = async (password: string) => {
    await using client = await SqlClient.connect(port, 'adtech', password);
    return client.value('SELECT COUNT(*) FROM events');
  };

  async function untilUp(): Promise<void> {
    await eventually(
      () => project.containers(),
      (containers) =>
        Object.entries(counts).every(([service, wanted]) => {
          const up = containers.filter((each) => each.service === service && each.running);
          return (
            up.length === wanted && up.every(({ health }) => health === undefined || health === 'healthy')
          );
        }) &&
        containers.every(
          ({ service, running, exitCode }) => !once.includes(service) || (!running && exitCode === 0),
        ),
      { timeoutMs: 120_000, what: 'a healthy cluster' },
    );
  }

  it('does not start without a password of root, and says so', async () => {
    await expect(project.compose(['up', '-d', 'aggregator'])).rejects.toThrow('root-password');
    expect(await project.logs('root-password')).toContain('Set MILLRACE_ROOT_PASSWORD');
  });

  it('comes up with its demo, healthy, and loads events', async () => {
    const startMs = performance.now();
    const password = { MILLRACE_ROOT_PASSWORD_FILE: passwordFile };
    await project.compose(['--profile', 'demo', 'up', '-d', ...scale], password);
    const query = 'SELECT event_name, COUNT(*) FROM events GROUP BY event_name ORDER BY 2 DESC';
    await eventually(
      async () => {
        await using client = await SqlClient.connect(port, 'adtech', 'from-a-file');
        return client.rows(query);
      },
      (groups) => groups.length > 2,
      { timeoutMs: 120_000, what: 'a live query' },
    );
    process.stdout.write(`live query after ${((performance.now() - startMs) / 1000).toFixed(1)} s\n`);
    await untilUp();
  });

  it('is reachable on loopback only, by those who know the password', async () => {
    const addresses = (await project.containers()).flatMap(({ publishedOn }) => publishedOn);
    expect(addresses).toEqual(['127.0.0.1', '127.0.0.1', '127.0.0.1']);
    await expect(count('')).rejects.toMatchObject({ errno: 1045 });
  });

  it('has loaded each event once when the generator stops', async () => {
    await project.compose(['stop', 'generator']);
    const written = /([\d,]+) events written to topic/.exec(await project.logs('generator'))?.[1] ?? '';
    loaded = written.replaceAll(',', '');
    expect(Number(loaded)).toBeGreaterThan(0);
    await eventually(
      () => count('from-a-file'),
      (rows) => rows === loaded,
      { timeoutMs: 60_000, what: `${loaded} rows` },
    );
  });

  it('keeps its data when all containers are made again, and takes another password', async () => {
    const password = { MILLRACE_ROOT_PASSWORD: 'from-a-variable' };
    await project.compose(['--profile', 'demo', 'up', '-d', '--force-recreate', ...scale], password);
    await untilUp();
    await eventually(
      async () => Number(await count('from-a-variable')),
      (rows) => rows > Number(loaded),
      { timeoutMs: 60_000, what: `more than the ${loaded} rows from before` },
    );
    await expect(count('from-a-file')).rejects.toMatchObject({ errno: 1045 });
  });
});
