import { exitCode } from './command.ts';

/**
 * A signal that aborts on Ctrl-C, SIGTERM, and when the terminal goes away. A second one ends the process at once.
 * Disposing gives the signals their usual meaning back.
 */
export class Interrupt {
  readonly #controller = new AbortController();
  #againFromMs = 0;
  readonly #onSignal = () => {
    if (performance.now() < this.#againFromMs) return;
    if (this.#controller.signal.aborted) process.exit(exitCode.interrupted);
    this.#againFromMs = performance.now() + echoMs;
    this.#controller.abort(new Error('interrupted'));
  };

  constructor() {
    for (const name of interrupts) process.on(name, this.#onSignal);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    for (const name of interrupts) process.off(name, this.#onSignal);
  }
}

const interrupts = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Ctrl-C may come twice, from the terminal and passed on by npm: within this time it counts once. */
const echoMs = 300;
