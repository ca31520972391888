import type { Logger } from './logger.ts';

/** A part of a process. `drain` finishes or hands over work in hand; `stop` releases everything, at once. */
export interface Component {
  readonly name: string;
  start?(): Promise<void>;
  drain?(deadlineMs: number): Promise<void>;
  stop?(): Promise<void> | void;
}

/** Longest wait for one component to stop, in ms: whatever it still holds goes with the process. */
const stopMsMax = 5_000;

/** Starts components in the order they are added and ends them in reverse: first all drain, then all stop. */
export class Lifecycle {
  readonly #logger: Logger;
  readonly #started: Component[] = [];
  #stopping: Promise<void> | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Starts a component. One whose start fails is not stopped; `shutdown` ends those before it. */
  async start(component: Component): Promise<void> {
    this.#logger.debug('starting', { component: component.name });
    await component.start?.();
    this.#started.push(component);
  }

  /** Drains within `deadlineMs`, then stops everything. Later calls get the first call's promise. */
  shutdown(deadlineMs: number): Promise<void> {
    this.#stopping ??= this.#shutdown(deadlineMs);
    return this.#stopping;
  }

  async #shutdown(deadlineMs: number): Promise<void> {
    const reversed = [...this.#started].reverse();
    const deadline = performance.now() + deadlineMs;
    for (const component of reversed) {
      const left = Math.max(0, deadline - performance.now());
      await this.#guard(component, 'drain', () => withDeadline(component.drain?.(left), left));
    }
    for (const component of reversed) {
      await this.#guard(component, 'stop', () => withDeadline(component.stop?.(), stopMsMax));
    }
  }

  async #guard(component: Component, step: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#logger.error(`${step} failed`, { component: component.name, error });
    }
  }
}

async function withDeadline(work: Promise<void> | void, deadlineMs: number): Promise<void> {
  if (!(work instanceof Promise)) return;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not finished after ${deadlineMs} ms`)), deadlineMs);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A terminal's Ctrl-C reaches a process twice when npm passes it on as well, in ms. */
const sameInterruptMs = 300;

/**
 * Runs `shutdown` on the first SIGTERM or SIGINT and exits with 0; a second signal ends the process at once.
 */
export function stopOnSignals(shutdown: (signal: NodeJS.Signals) => Promise<void>, logger: Logger): void {
  let stopping = false;
  let interruptedMs = Number.NEGATIVE_INFINITY;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (signal === 'SIGINT') {
        const repeated = performance.now() - interruptedMs < sameInterruptMs;
        interruptedMs = performance.now();
        if (repeated) return;
      }
      if (stopping) return endAtOnce(signal);
      stopping = true;
      logger.info('stopping', { signal });
      shutdown(signal).then(
        () => process.exit(process.exitCode ?? 0),
        (error: unknown) => {
          logger.error('stop failed', { error });
          process.exit(1);
        },
      );
    });
  }
}

/** As the signal does without a handler: `process.exit` would first wait for native threads, such as those of a query. */
function endAtOnce(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
