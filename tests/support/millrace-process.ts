import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

export const repositoryRoot = fileURLToPath(new URL('../..', import.meta.url));

/** What a service prints on stdout when it is ready. */
export interface ReadyLine {
  readonly mysql?: number;
  readonly grpc?: number;
  readonly http?: number;
  readonly kafka?: number;
  readonly address?: string;
}

export type ServiceName = 'standalone' | 'aggregator' | 'leaf' | 'pipeline-extractor' | 'transform-runner';

export interface StartOptions {
  readonly service: ServiceName;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Everything the service logs. */
  readonly logFile: string;
  readonly readyTimeoutMs?: number;
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** One service as a process of its own, started from the sources. */
export class MillraceProcess {
  readonly #child: ChildProcess;
  readonly #logFile: string;
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  ready: ReadyLine = {};

  private constructor(child: ChildProcess, logFile: string) {
    this.#child = child;
    this.#logFile = logFile;
    running.add(child);
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        running.delete(child);
        resolve({ code, signal });
      });
    });
  }

  /** Starts a service and waits for its ready line; the error of a failed start holds the end of its log. */
  static async start(options: StartOptions): Promise<MillraceProcess> {
    const main = `${repositoryRoot}/apps/${options.service}/src/main.ts`;
    const child = spawn(process.execPath, [main, ...options.args], {
      cwd: repositoryRoot,
      env: { ...process.env, UV_THREADPOOL_SIZE: '16', NODE_OPTIONS: '', ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const log = createWriteStream(options.logFile, { flags: 'a' });
    child.stderr?.pipe(log);
    const started = new MillraceProcess(child, options.logFile);
    started.ready = await started.#readyLine(options);
    return started;
  }

  async #readyLine(options: StartOptions): Promise<ReadyLine> {
    let text = '';
    const timeoutMs = options.readyTimeoutMs ?? 60_000;
    const found = new Promise<ReadyLine>((resolve) => {
      this.#child.stdout?.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const line = text.split('\n').find((each) => each.startsWith('{"ready":true'));
        if (line !== undefined) resolve(JSON.parse(line) as ReadyLine);
      });
    });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), timeoutMs);
    });
    const outcome = await Promise.race([
      found,
      this.exited.then(({ code, signal }) => `exited with ${signal ?? code}`),
      late,
    ]);
    clearTimeout(timer);
    if (typeof outcome === 'object') return outcome;
    await this.crash();
    const lines = (await readFile(this.#logFile, 'utf8')).split('\n').slice(-10);
    const tail = lines.map((line) => line.slice(0, 400)).join('\n');
    throw new Error(
      `${options.service} ${outcome === 'late' ? `not ready after ${timeoutMs} ms` : outcome}\n${tail}`,
    );
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.#child.kill(signal);
  }

  /** Kills the process as a power cut would and waits until it is gone. */
  async crash(): Promise<void> {
    this.kill('SIGKILL');
    await this.exited;
  }

  /** Asks for an orderly end. */
  async stop(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    this.kill('SIGTERM');
    return this.exited;
  }
}
