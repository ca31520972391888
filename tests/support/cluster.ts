import { appendFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MillraceProcess, type ServiceName } from './millrace-process.ts';
import { freePort, freePorts } from './ports.ts';
import { SqlClient } from './sql-client.ts';

export interface ClusterOptions {
  readonly leaves?: number;
  readonly extractors?: number;
  readonly runners?: number;
  /** Where a leaf (1, 2, …) keeps its data, if not beside the others. */
  readonly leafDataDir?: (leaf: number) => string | undefined;
  /**
   * Puts something between services: the port under which `from` (`any` for everybody that uses an advertised address)
   * shall reach the gRPC `port` of `to`. Without it they talk directly.
   */
  readonly via?: (link: { from: string; to: string; port: number }) => Promise<number>;
  /** More flags by service. */
  readonly args?: Partial<Record<ServiceName, readonly string[]>>;
}

interface Member {
  readonly service: ServiceName;
  args: readonly string[];
  process: MillraceProcess | undefined;
}

const logLinesShown = 25;
const logCharactersShown = 400;

/**
 * A cluster of one process per service. Ports are chosen once, so that a service that was killed comes back under its
 * address. Services are named `aggregator`, `leaf-1`, …, `extractor-1`, …, `runner-1`, ….
 */
export class Cluster implements AsyncDisposable {
  readonly dir: string;
  readonly mysqlPort: number;
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly #members: ReadonlyMap<string, Member>;

  private constructor(dir: string, ports: readonly number[], members: ReadonlyMap<string, Member>) {
    this.dir = dir;
    const [mysqlPort = 0, grpcPort = 0, httpPort = 0] = ports;
    this.mysqlPort = mysqlPort;
    this.grpcPort = grpcPort;
    this.httpPort = httpPort;
    this.#members = members;
  }

  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    const dir = await mkdtemp(join(tmpdir(), 'millrace-cluster-'));
    const ports = await freePorts(3);
    const members = await planMembers(dir, ports, options);
    const cluster = new Cluster(dir, ports, members);
    try {
      // Members wait for the aggregator, so all may start at once.
      await Promise.all(cluster.names.map((name) => cluster.start(name)));
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  get names(): string[] {
    return [...this.#members.keys()];
  }

  connect(database?: string): Promise<SqlClient> {
    return SqlClient.connect(this.mysqlPort, database);
  }

  process(name: string): MillraceProcess {
    const { process } = this.#member(name);
    if (process === undefined) throw new Error(`${name} is not running`);
    return process;
  }

  /** Starts a service that is not running and waits until it is ready. */
  async start(name: string, env: Readonly<Record<string, string>> = {}): Promise<void> {
    const member = this.#member(name);
    const logFile = this.logFile(name);
    await appendFile(logFile, `--- start ${new Date().toISOString()} ${JSON.stringify(env)}\n`);
    member.process = await MillraceProcess.start({
      service: member.service,
      args: member.args,
      env,
      logFile,
    });
  }

  /** Asks a service for an orderly end (SIGTERM) and waits for it. Throws unless it exits with 0. */
  async stop(name: string): Promise<void> {
    const { code, signal } = await this.process(name).stop();
    if (code !== 0) throw new Error(`${name} ended with ${signal ?? code} after SIGTERM`);
  }

  /** Gives a service another gRPC port from its next start on. */
  async move(name: string): Promise<void> {
    const member = this.#member(name);
    const at = member.args.indexOf('--grpc-port') + 1;
    member.args = member.args.with(at, String(await freePort()));
  }

  /** Starts a further process with the options of a service, some of them replaced; the caller ends it. */
  async startBeside(name: string, flags: Readonly<Record<string, string>>): Promise<MillraceProcess> {
    const { service, args } = this.#member(name);
    const ports = { '--grpc-port': '0', '--http-port': '0' };
    const replaced = Object.entries({ ...ports, ...flags }).reduce<readonly string[]>(
      (all, [flag, value]) => all.with(all.indexOf(flag) + 1, value),
      args,
    );
    return MillraceProcess.start({ service, args: replaced, logFile: this.logFile(`${name}-beside`) });
  }

  /** Kills a service as a power cut would; it stays away until `start`. */
  async crash(name: string): Promise<void> {
    await this.process(name).crash();
  }

  /** Kills a service, if it lives, and starts it again. */
  async restart(name: string, env: Readonly<Record<string, string>> = {}): Promise<void> {
    if (this.process(name).alive) await this.crash(name);
    await this.start(name, env);
  }

  /**
   * Starts a service that will kill itself at a crash point; resolves to whether it did within the time, or within ten
   * times what its start took: on a machine that is busy everything takes as much longer. Afterwards it is not running
   * either way.
   */
  async startUntilCrash(name: string, crashPoint: string, timeoutMs: number): Promise<boolean> {
    const startedAt = performance.now();
    try {
      await this.start(name, { MILLRACE_CRASH_POINT: crashPoint });
    } catch (error) {
      // It may get there while it starts.
      if (error instanceof Error && error.message.includes('exited with SIGKILL')) return true;
      throw error;
    }
    const startMs = performance.now() - startedAt;
    const { exited } = this.process(name);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), Math.max(timeoutMs, 10 * startMs));
    });
    const outcome = await Promise.race([exited, late]);
    clearTimeout(timer);
    if (outcome === 'late') await this.crash(name);
    return outcome !== 'late';
  }

  logFile(name: string): string {
    return join(this.dir, `${name}.log`);
  }

  /** The end of every log, for a test that failed. */
  async logTails(): Promise<string> {
    const tails = await Promise.all(
      this.names.map(async (name) => {
        const text = await readFile(this.logFile(name), 'utf8').catch(() => '');
        const lines = text.split('\n').slice(-logLinesShown);
        return `===== ${name}\n${lines.map((line) => line.slice(0, logCharactersShown)).join('\n')}`;
      }),
    );
    return tails.join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const processes = [...this.#members.values()].map(({ process }) => process);
    await Promise.all(processes.map((process) => (process?.alive === true ? process.crash() : undefined)));
    await rm(this.dir, { recursive: true, force: true });
  }

  #member(name: string): Member {
    const member = this.#members.get(name);
    if (member === undefined) throw new Error(`no service ${name}`);
    return member;
  }
}

async function planMembers(
  dir: string,
  [mysqlPort = 0, grpcPort = 0, httpPort = 0]: readonly number[],
  options: ClusterOptions,
): Promise<Map<string, Member>> {
  const members = new Map<string, Member>();
  const add = async (name: string, service: ServiceName, args: readonly (string | number)[]) => {
    await mkdir(join(dir, name), { recursive: true });
    const all = [...args, ...(options.args?.[service] ?? [])].map(String);
    members.set(name, { service, args: all, process: undefined });
  };
  const httpAndGrpc = (http: number, grpc: number) => ['--http-port', http, '--grpc-port', grpc];
  await add('aggregator', 'aggregator', [
    ...['--data-dir', join(dir, 'aggregator'), '--mysql-port', mysqlPort],
    ...httpAndGrpc(httpPort, grpcPort),
  ]);
  const groups = [
    ['leaf', 'leaf', options.leaves ?? 2],
    ['extractor', 'pipeline-extractor', options.extractors ?? 1],
    ['runner', 'transform-runner', options.runners ?? 1],
  ] as const;
  for (const [prefix, service, count] of groups) {
    for (let number = 1; number <= count; number += 1) {
      const name = `${prefix}-${number}`;
      const [http = 0, grpc = 0] = await freePorts(2);
      const dataDir =
        service === 'leaf' ? ['--data-dir', options.leafDataDir?.(number) ?? join(dir, name)] : [];
      const { via = ({ port }: { port: number }) => Promise.resolve(port) } = options;
      const aggregatorPort = await via({ from: name, to: 'aggregator', port: grpcPort });
      const advertisedPort = await via({ from: 'any', to: name, port: grpc });
      await add(name, service, [
        ...['--aggregator', `127.0.0.1:${aggregatorPort}`],
        // Otherwise it is reached where it listens, also after a move.
        ...(advertisedPort === grpc ? [] : ['--advertise', `127.0.0.1:${advertisedPort}`]),
        ...httpAndGrpc(http, grpc),
        ...dataDir,
      ]);
    }
  }
  return members;
}
