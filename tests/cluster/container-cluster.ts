import { chmod, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GenericContainer, getContainerRuntimeClient, type StartedTestContainer, Wait } from 'testcontainers';
import { makeCertificates } from '../../tools/certs.ts';
import { freePort } from '../support/ports.ts';
import { eventually, SqlClient } from '../support/sql-client.ts';
import {
  containersOf,
  extractors,
  leaves,
  type Ports,
  pairs,
  runners,
  services,
} from './cluster-services.ts';
import { type ContainerSettings, HardenedContainer, limitMemory } from './hardened-container.ts';
import { type Pair, PairNetworks } from './pair-networks.ts';

const password = 'of-the-test';
const startTimeoutMs = 120_000;
const wholeTimeoutMs = 60_000;
const logLinesShown = 100;

/**
 * A real Kafka, an aggregator, three leaves, two extractors and two transform-runners, each in its container, with mutual
 * TLS between them.
 */
export class ContainerCluster implements AsyncDisposable {
  /** Holds the certificates, and in `programs` what runners see as /programs. */
  readonly dir: string;
  /** Kafka as this machine reaches it. */
  readonly brokers: string;
  readonly #mysqlPort: number;
  readonly #networks: PairNetworks;
  readonly #containers: ReadonlyMap<string, StartedTestContainer>;

  private constructor(
    dir: string,
    ports: Ports,
    networks: PairNetworks,
    containers: ReadonlyMap<string, StartedTestContainer>,
  ) {
    this.dir = dir;
    this.brokers = `127.0.0.1:${ports.kafka}`;
    this.#mysqlPort = ports.mysql;
    this.#networks = networks;
    this.#containers = containers;
  }

  /** @param prepare is given the folder that runners see as /programs */
  static async start(prepare: (programs: string) => void): Promise<ContainerCluster> {
    const dir = await mkdtemp(join(tmpdir(), 'millrace-containers-'));
    // Containers run under an account of their own.
    await chmod(dir, 0o755);
    await mkdir(join(dir, 'programs'));
    prepare(join(dir, 'programs'));
    await writeCertificates(join(dir, 'certs'));
    const ports = { mysql: await freePort(), kafka: await freePort() };
    const networks = await PairNetworks.start(pairs);
    const containers = new Map<string, StartedTestContainer>();
    const cluster = new ContainerCluster(dir, ports, networks, containers);
    try {
      // Members wait for the aggregator, so all may start at once.
      const networksOf = (name: string) => networks.of(name);
      await Promise.all(
        containersOf({ dir, ports, password, networksOf }).map(async (settings) => {
          containers.set(settings.name, await startContainer(settings));
        }),
      );
      await cluster.untilWhole();
    } catch (error) {
      process.stderr.write(await cluster.logTails());
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  /** Runs a command beside Kafka until it ends. Throws unless it exits with 0. */
  async run(image: string, command: readonly string[]): Promise<void> {
    const container = new GenericContainer(image)
      .withNetworkMode(this.#networks.of('kafka')[0] ?? '')
      .withCommand([...command])
      .withWaitStrategy(Wait.forOneShotStartup())
      .withStartupTimeout(startTimeoutMs);
    await (await container.start()).stop();
  }

  connect(database?: string): Promise<SqlClient> {
    return SqlClient.connect(this.#mysqlPort, database, password);
  }

  /** Waits until the aggregator answers and every service is known as online. */
  async untilWhole(): Promise<void> {
    const expected = [leaves.length, extractors.length, runners.length];
    await eventually(
      async () => {
        await using client = await this.connect();
        const states = [
          (await client.rows('SHOW LEAVES')).map((row) => row[5]),
          (await client.rows('SHOW EXTRACTORS')).map((row) => row[2]),
          (await client.rows('SHOW RUNNERS')).map((row) => row[2]),
        ];
        return states.map((all) => all.filter((state) => state === 'online').length);
      },
      (online) => online.every((count, at) => count === expected[at]),
      { timeoutMs: wholeTimeoutMs, what: `${expected.join(', ')} leaves, extractors and runners online` },
    );
  }

  /** As a power cut would. The engine leaves it alone until `start`. */
  async kill(name: string): Promise<void> {
    await (await this.#control(name)).kill({ signal: 'SIGKILL' });
  }

  /** Asks for an orderly end and waits for it. Throws unless the service exits with 0. */
  async stop(name: string): Promise<void> {
    const container = await this.#control(name);
    await container.stop({ t: 40 });
    const { ExitCode: code } = (await container.inspect()).State;
    if (code !== 0) throw new Error(`${name} ended with ${code} after SIGTERM`);
  }

  async start(name: string): Promise<void> {
    await (await this.#control(name)).start();
  }

  async pause(name: string): Promise<void> {
    await (await this.#control(name)).pause();
  }

  async unpause(name: string): Promise<void> {
    await (await this.#control(name)).unpause();
  }

  async cut(pair: Pair): Promise<void> {
    await this.#networks.disconnect(pair, this.#container(pair[0]).getId());
  }

  async mend(pair: Pair): Promise<void> {
    await this.#networks.connect(pair, this.#container(pair[0]).getId());
  }

  async limitMemory(name: string, megabytes: number): Promise<void> {
    await (await this.#control(name)).update(limitMemory(megabytes));
  }

  /** How often the engine has started a container again because its process ended by itself. */
  async restarts(name: string): Promise<number> {
    return (await (await this.#control(name)).inspect()).RestartCount;
  }

  /** The services whose processes have ended by themselves. */
  async endedByThemselves(): Promise<string[]> {
    const restarts = await Promise.all(services.map((name) => this.restarts(name)));
    return services.filter((_name, at) => restarts[at] !== 0);
  }

  /** What a service uses, in megabytes, without what the kernel may drop. */
  async memoryUsedMb(name: string): Promise<number> {
    const { memory_stats: memory } = await (await this.#control(name)).stats({ stream: false });
    const cache = memory.stats.total_inactive_file ?? memory.stats.inactive_file ?? 0;
    return (memory.usage - cache) / 1024 / 1024;
  }

  /** The end of every log, for a test that failed. */
  async logTails(): Promise<string> {
    const tails = await Promise.all(
      [...this.#containers].map(async ([name, container]) => {
        const control = await controlOf(container);
        const output = await control.logs({ stdout: true, stderr: true, tail: logLinesShown });
        return `===== ${name}\n${textOf(output)}`;
      }),
    );
    return tails.join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#containers.values()].map((container) => container.stop({ timeout: 0 })));
    await this.#networks[Symbol.asyncDispose]();
    await rm(this.dir, { recursive: true, force: true });
  }

  #container(name: string): StartedTestContainer {
    const container = this.#containers.get(name);
    if (container === undefined) throw new Error(`no container ${name}`);
    return container;
  }

  #control(name: string) {
    return controlOf(this.#container(name));
  }
}

async function controlOf(container: StartedTestContainer) {
  return (await getContainerRuntimeClient()).container.getById(container.getId());
}

/** Log output comes in pieces, each behind a header of 8 bytes that ends with its length. */
function textOf(output: Buffer): string {
  let text = '';
  for (let at = 0; at + 8 <= output.length; ) {
    const end = at + 8 + output.readUInt32BE(at + 4);
    text += output.toString('utf8', at + 8, end);
    at = end;
  }
  return text;
}

function startContainer(settings: ContainerSettings): Promise<StartedTestContainer> {
  return new HardenedContainer(settings)
    .withWaitStrategy(Wait.forLogMessage(settings.readyLine))
    .withStartupTimeout(startTimeoutMs)
    .start();
}

/** Keys of a test may be read by the accounts that containers run under. */
async function writeCertificates(dir: string): Promise<void> {
  await makeCertificates(['--out', dir, '--names', services.join()]);
  for (const file of await readdir(dir)) await chmod(join(dir, file), 0o644);
}
