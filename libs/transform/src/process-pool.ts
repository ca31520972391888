import { mkdir } from 'node:fs/promises';
import type { Program } from './program.ts';
import { TransformProcess } from './transform-process.ts';

export interface ProcessPoolOptions {
  /** Working directory of the programs. */
  readonly workDir: string;
  /** Programs running at once; further runs wait. */
  readonly runningMax: number;
  /** A process started ahead is ended when nobody needs it for so long, in ms. */
  readonly spareIdleMs: number;
}

interface Spare {
  readonly process: TransformProcess;
  readonly timer: NodeJS.Timeout;
}

/**
 * Bounds how many programs run, and keeps one process of each recent program started ahead: a program reads its input
 * to the end once, so a process serves one run, but its start-up is off the path of the next batch.
 */
export class ProcessPool {
  readonly #options: ProcessPoolOptions;
  readonly #spares = new Map<string, Spare>();
  readonly #live = new Set<TransformProcess>();
  readonly #waiting: (() => void)[] = [];
  #slots: number;
  #closed = false;

  constructor(options: ProcessPoolOptions) {
    this.#options = options;
    this.#slots = options.runningMax;
  }

  /**
   * A process for one run; give it back with {@link release}. Waits for a free slot until the signal aborts. Throws
   * TRANSFORM_FAILED when the program cannot be started.
   */
  async acquire(program: Program, signal: AbortSignal): Promise<TransformProcess> {
    await this.#slot(signal);
    try {
      await mkdir(this.#options.workDir, { recursive: true });
      return this.#takeSpare(program) ?? this.#start(program);
    } catch (error) {
      this.#freeSlot();
      throw error;
    }
  }

  /** Ends the process if it still runs, frees its slot and starts the next one ahead. */
  release(program: Program, used: TransformProcess, reusable: boolean): void {
    used.kill();
    this.#freeSlot();
    if (reusable && !this.#closed) this.#keepSpare(program);
  }

  /** Programs that run, and runs that wait for a place. */
  get load(): { readonly running: number; readonly waiting: number } {
    return { running: this.#options.runningMax - this.#slots, waiting: this.#waiting.length };
  }

  close(): void {
    this.#closed = true;
    for (const { timer } of this.#spares.values()) clearTimeout(timer);
    this.#spares.clear();
    for (const process of this.#live) process.kill();
  }

  #start(program: Program): TransformProcess {
    const started = new TransformProcess(program, this.#options.workDir);
    this.#live.add(started);
    void started.ended.then(() => this.#live.delete(started));
    return started;
  }

  #takeSpare(program: Program): TransformProcess | undefined {
    const key = keyOf(program);
    const spare = this.#spares.get(key);
    this.#spares.delete(key);
    clearTimeout(spare?.timer);
    return spare?.process.running === true ? spare.process : undefined;
  }

  #keepSpare(program: Program): void {
    const key = keyOf(program);
    if (this.#spares.has(key) || this.#spares.size >= this.#options.runningMax) return;
    let process: TransformProcess;
    try {
      process = this.#start(program);
    } catch {
      // The next run tries again, and reports it.
      return;
    }
    const timer = setTimeout(() => {
      this.#spares.delete(key);
      process.kill();
    }, this.#options.spareIdleMs);
    timer.unref();
    this.#spares.set(key, { process, timer });
  }

  #slot(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#slots > 0) {
      this.#slots -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const grant = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(grant), 1);
        reject(signal.reason);
      };
      this.#waiting.push(grant);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  #freeSlot(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#slots += 1;
    else next();
  }
}

function keyOf(program: Program): string {
  return JSON.stringify([program.path, program.args, program.version]);
}
