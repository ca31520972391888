import { exitCode } from './command.ts';

/**
 * A signal that aborts on Ctrl-C, SIGTERM, and when the terminal goes away. A second one ends the process at once.
 * Disposing gives the signals their usual meaning back.
 */
export class Interrupt {
  readonly #controller = new AbortController();
  readonly #onSignal = () => {
    if (this.#controller.signal.aborted) process.exit(exitCode.interrupted);
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
