import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { MillraceError } from '@millrace/errors/millrace-error';
import { sleep } from '@millrace/runtime/backoff';
import { demoHost } from './free-port.ts';

export interface ServerOptions {
  readonly dataDir: string;
  readonly leaves: number;
  /** undefined is any free one. */
  readonly mysqlPort: number | undefined;
  readonly kafkaPort: number | undefined;
  /** Where its log goes; the terminal if not given. */
  readonly logFile: string | undefined;
}

export interface ServerPorts {
  readonly mysql: number;
  readonly kafka: number;
}

const startMsMax = 60_000;
const drainSeconds = 5;
const stopMsMax = (drainSeconds + 10) * 1000;
const logLinesShown = 5;

/**
 * Millrace in a process of its own, so that the terminal stays responsive. It ends with this process: in order through
 * `stop`, else because it notices that its parent has gone.
 */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #options: ServerOptions;
  readonly #exited: Promise<unknown>;
  #stopping = false;

  constructor(options: ServerOptions) {
    this.#options = options;
    const log = options.logFile === undefined ? 'inherit' : openSync(options.logFile, 'a');
    this.#child = spawn(
      process.execPath,
      [...process.execArgv, process.argv[1] ?? '', ...argumentsOf(options)],
      {
        stdio: ['ignore', 'pipe', log, 'ipc'],
        // A group of its own: Ctrl-C reaches this process only, which then stops the server when it is done with it.
        detached: true,
      },
    );
    if (typeof log === 'number') closeSync(log);
    this.#exited = once(this.#child, 'exit');
  }

  /** Rejects when the process ends by itself. Never resolves. */
  async failure(): Promise<never> {
    await this.#exited.catch(() => undefined);
    if (this.#stopping) return new Promise<never>(() => {});
    throw this.#endedError();
  }

  /** Waits until the services are ready. */
  async ready(signal: AbortSignal): Promise<ServerPorts> {
    const waiting = new AbortController();
    const late = sleep(startMsMax, AbortSignal.any([signal, waiting.signal])).then(() => {
      throw new MillraceError('PEER_UNAVAILABLE', `Millrace is not ready after ${startMsMax / 1000} s`, {
        detail: this.#logTail(),
      });
    });
    try {
      return await Promise.race([this.#readPorts(), late, this.failure()]);
    } finally {
      waiting.abort();
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), stopMsMax);
    await this.#exited;
    clearTimeout(timer);
  }

  async #readPorts(): Promise<ServerPorts> {
    const { stdout } = this.#child;
    if (stdout === null) throw new Error('the process has no standard output');
    for await (const line of createInterface({ input: stdout })) {
      if (!line.startsWith('{"ready":true')) continue;
      stdout.resume();
      return JSON.parse(line) as ServerPorts;
    }
    return this.failure();
  }

  #endedError(): MillraceError {
    const { exitCode, signalCode } = this.#child;
    const how = signalCode === null ? `exit code ${exitCode}` : `signal ${signalCode}`;
    return new MillraceError('INTERNAL', `the Millrace process ended by itself with ${how}`, {
      detail: this.#logTail(),
    });
  }

  #logTail(): string {
    const { logFile } = this.#options;
    if (logFile === undefined) return 'its log is above';
    const lines = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-logLinesShown);
    return `the end of its log, ${logFile}:\n  ${lines.join('\n  ')}`;
  }
}

function argumentsOf({ dataDir, leaves, mysqlPort, kafkaPort }: ServerOptions): string[] {
  const kafka = kafkaPort === undefined ? ['--kafka-any-port'] : ['--kafka-port', String(kafkaPort)];
  const flags = {
    'data-dir': dataDir,
    leaves,
    host: demoHost,
    'mysql-port': mysqlPort ?? 0,
    'grpc-port': 0,
    'http-port': 0,
    'drain-seconds': drainSeconds,
  };
  return [
    'start',
    ...Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, String(value)]),
    ...kafka,
  ];
}
