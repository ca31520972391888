import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { getContainerRuntimeClient, getReaper } from 'testcontainers';
import { docker } from '../../tools/images/docker.ts';
import { repositoryRoot } from '../support/millrace-process.ts';

const run = promisify(execFile);
const outputBytesMax = 16 * 1024 * 1024;

export interface ComposeContainer {
  readonly id: string;
  readonly service: string;
  readonly running: boolean;
  readonly exitCode: number;
  /** Absent for images without a health check. */
  readonly health: string | undefined;
  /** Host addresses that lead into the container. */
  readonly publishedOn: readonly string[];
}

/** docker/compose.yaml under a project name of its own, by `docker compose` or, where that is missing, docker-compose 1.29. */
export class ComposeProject implements AsyncDisposable {
  readonly name: string;
  readonly #command: readonly string[];
  readonly #variables: Readonly<Record<string, string>>;

  private constructor(name: string, command: readonly string[], variables: Readonly<Record<string, string>>) {
    this.name = name;
    this.#command = command;
    this.#variables = variables;
  }

  static async create(name: string, variables: Readonly<Record<string, string>>): Promise<ComposeProject> {
    const plugin = ['docker', 'compose'];
    const command = await run('docker', ['compose', 'version']).then(
      () => plugin,
      () => ['docker-compose'],
    );
    const reaper = await getReaper(await getContainerRuntimeClient());
    reaper.addComposeProject(name);
    return new ComposeProject(name, command, variables);
  }

  /** Gives what compose printed; rejects with it when compose fails. */
  async compose(args: readonly string[], variables: Readonly<Record<string, string>> = {}): Promise<string> {
    const [program = '', ...first] = this.#command;
    const all = [...first, '-p', this.name, '-f', 'docker/compose.yaml', ...args];
    try {
      const { stdout, stderr } = await run(program, all, {
        cwd: repositoryRoot,
        env: { ...process.env, ...this.#variables, ...variables },
        maxBuffer: outputBytesMax,
      });
      return stdout + stderr;
    } catch (error) {
      const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
      throw new Error(`${program} ${args.join(' ')} failed: ${stdout}${stderr}`, { cause: error });
    }
  }

  async containers(): Promise<ComposeContainer[]> {
    const filter = `label=com.docker.compose.project=${this.name}`;
    const ids = (await docker('ps', '--all', '--quiet', '--no-trunc', '--filter', filter)).split('\n');
    const found = await docker('container', 'inspect', ...ids.filter((id) => id !== ''));
    return (JSON.parse(found) as Inspected[]).map(({ Id, Config, State, NetworkSettings }) => ({
      id: Id,
      service: Config.Labels['com.docker.compose.service'] ?? '',
      running: State.Running,
      exitCode: State.ExitCode,
      health: State.Health?.Status,
      publishedOn: Object.values(NetworkSettings.Ports).flatMap((bindings) =>
        (bindings ?? []).map(({ HostIp }) => HostIp),
      ),
    }));
  }

  /** What a service has printed. */
  logs(service: string): Promise<string> {
    return this.compose(['logs', '--no-color', service]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.compose(['--profile', 'demo', 'down', '--volumes', '--timeout', '5']);
  }
}

interface Inspected {
  readonly Id: string;
  readonly Config: { readonly Labels: Readonly<Record<string, string>> };
  readonly State: {
    readonly Running: boolean;
    readonly ExitCode: number;
    readonly Health?: { readonly Status: string };
  };
  readonly NetworkSettings: {
    readonly Ports: Readonly<Record<string, readonly { readonly HostIp: string }[] | null>>;
  };
}
