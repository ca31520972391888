import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { MillraceError } from '@millrace/errors/millrace-error';
import { memoryBeyond } from './process-memory.ts';
import type { Program } from './program.ts';

/** Limits of one run of a program. */
export interface TransformLimits {
  readonly timeMsMax: number;
  readonly outputBytesMax: number;
  readonly memoryBytesMax: number;
}

export interface ProcessExit {
  readonly exitCode: number;
  /** The last bytes of stderr. */
  readonly stderr: Uint8Array;
  readonly stdoutBytes: number;
}

/** Bytes of stderr kept (pipelines_stderr_bufsize). */
const stderrBytesMax = 65_535;
const memoryPollMs = 200;
/** What a process that left its group may keep open of the pipes after the group was killed. */
const closeGraceMs = 1_000;

/**
 * One child process of a program: started without a shell, in its own process group, with an empty environment but for
 * PATH, HOME and LANG. It may be started ahead of its input; limits begin to count with {@link run}.
 */
export class TransformProcess {
  readonly #program: Program;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  #stderr: Buffer = Buffer.alloc(0);
  #startFailure: Error | undefined;
  #running = true;
  #closing: NodeJS.Timeout | undefined;

  /** Throws TRANSFORM_FAILED for what the system refuses at once; most failures to start show in {@link run}. */
  constructor(program: Program, workDir: string) {
    this.#program = program;
    this.#child = start(program, workDir);
    this.#exited = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.#startFailure = error;
        this.#running = false;
        resolve({ code: null, signal: null });
      });
      this.#child.once('close', (code, signal) => {
        clearTimeout(this.#closing);
        // What the program left behind in the background goes with it.
        this.#killGroup();
        this.#running = false;
        resolve({ code, signal });
      });
    });
    // A program may exit without reading all of its input; how it exits decides, not the broken pipe.
    this.#child.stdin.on('error', () => {});
    this.#child.stderr.on('data', (chunk: Buffer) => {
      this.#stderr = Buffer.concat([this.#stderr, chunk]).subarray(-stderrBytesMax);
    });
  }

  get running(): boolean {
    return this.#running;
  }

  /** Resolves when the process has ended, however. */
  get ended(): Promise<unknown> {
    return this.#exited;
  }

  /** Ends the whole process group at once. */
  kill(): void {
    if (!this.#running) return;
    this.#killGroup();
    this.#closing ??= setTimeout(() => {
      this.#child.stdout.destroy();
      this.#child.stderr.destroy();
    }, closeGraceMs).unref();
  }

  #killGroup(): void {
    if (this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, 'SIGKILL');
    } catch {
      // The group has just gone.
    }
  }

  /**
   * Feeds the input, yields the output and returns how the program ended. Reading stops feeding when the consumer is slow
   * and the program stops reading. Throws TRANSFORM_FAILED for a non-zero exit or a signal, TRANSFORM_LIMIT for a
   * limit; stderr is in the detail.
   */
  async *run(
    input: AsyncIterable<Uint8Array>,
    limits: TransformLimits,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array, ProcessExit, undefined> {
    let exceeded: string | undefined;
    let inputFailure: unknown;
    const stop = (reason: string) => {
      exceeded ??= reason;
      this.kill();
    };
    const timer = setTimeout(() => stop(`ran longer than ${limits.timeMsMax} ms`), limits.timeMsMax);
    const watch = setInterval(() => void this.#checkMemory(limits, stop), memoryPollMs);
    const abort = () => this.kill();
    signal.addEventListener('abort', abort, { once: true });
    const feeding = this.#feed(input).catch((error: unknown) => {
      inputFailure = error;
      this.kill();
    });
    let stdoutBytes = 0;
    try {
      for await (const chunk of this.#stdout()) {
        stdoutBytes += chunk.length;
        if (stdoutBytes > limits.outputBytesMax) {
          stop(`wrote more than ${limits.outputBytesMax} bytes`);
          break;
        }
        yield chunk;
      }
      const { code, signal: endedBy } = await this.#exited;
      await feeding;
      signal.throwIfAborted();
      if (inputFailure !== undefined) throw inputFailure;
      this.#checkExit(exceeded, code, endedBy);
      return { exitCode: code ?? 0, stderr: this.#stderr, stdoutBytes };
    } finally {
      clearTimeout(timer);
      clearInterval(watch);
      signal.removeEventListener('abort', abort);
      this.kill();
    }
  }

  /** Ends, instead of throwing, where {@link kill} has closed it. */
  async *#stdout(): AsyncGenerator<Buffer> {
    try {
      yield* this.#child.stdout as AsyncIterable<Buffer>;
    } catch (error) {
      if (this.#closing === undefined) throw error;
    }
  }

  #checkExit(exceeded: string | undefined, code: number | null, endedBy: NodeJS.Signals | null): void {
    const { path } = this.#program;
    if (exceeded !== undefined) throw this.#error('TRANSFORM_LIMIT', `transform ${path} ${exceeded}`);
    if (this.#startFailure !== undefined) {
      throw new MillraceError(
        'TRANSFORM_FAILED',
        `transform ${path} cannot be started: ${this.#startFailure.message}`,
      );
    }
    if (endedBy !== null) throw this.#error('TRANSFORM_FAILED', `transform ${path} was ended by ${endedBy}`);
    if (code !== 0) throw this.#error('TRANSFORM_FAILED', `transform ${path} exited with code ${code}`);
  }

  #error(code: 'TRANSFORM_FAILED' | 'TRANSFORM_LIMIT', message: string): MillraceError {
    const detail = this.#stderr.toString('utf8').trim();
    return new MillraceError(code, message, detail === '' ? {} : { detail });
  }

  async #feed(input: AsyncIterable<Uint8Array>): Promise<void> {
    const { stdin } = this.#child;
    for await (const chunk of input) {
      if (!this.#running || stdin.destroyed) return;
      if (!stdin.write(chunk)) await this.#drained();
    }
    stdin.end();
  }

  #drained(): Promise<void> {
    const { stdin } = this.#child;
    return new Promise((resolve) => {
      const done = () => {
        stdin.off('drain', done);
        stdin.off('close', done);
        resolve();
      };
      stdin.once('drain', done);
      stdin.once('close', done);
    });
  }

  /** Memory of the program and what it started; on systems without /proc there is no limit. */
  async #checkMemory(limits: TransformLimits, stop: (reason: string) => void): Promise<void> {
    if (!this.#running || this.#child.pid === undefined) return;
    if ((await memoryBeyond(this.#child.pid, limits.memoryBytesMax)) > limits.memoryBytesMax)
      stop(`used more than ${limits.memoryBytesMax} bytes of memory`);
  }
}

function start({ path, args }: Program, workDir: string): ChildProcessByStdio<Writable, Readable, Readable> {
  try {
    return spawn(path, [...args], {
      cwd: workDir,
      env: { PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin', HOME: workDir, LANG: 'C.UTF-8' },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
      shell: false,
    });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MillraceError('TRANSFORM_FAILED', `transform ${path} cannot be started: ${reason}`, { cause });
  }
}
