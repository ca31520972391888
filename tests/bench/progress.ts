/** Tells on stderr how far the benchmark is: rewriting one line on a terminal, else a line for each step. */
export class Progress {
  readonly #live = process.stderr.isTTY === true;
  #lastMs = 0;
  #open = false;

  /** A step begins or ended. */
  step(text: string): void {
    this.#endLine();
    process.stderr.write(`${text}\n`);
  }

  /** Something moved within a step; shown a few times a second, and only on a terminal. */
  update(text: string): void {
    const nowMs = performance.now();
    if (!this.#live || nowMs - this.#lastMs < 200) return;
    this.#lastMs = nowMs;
    this.#open = true;
    process.stderr.write(`\r\x1b[K  ${text}`);
  }

  #endLine(): void {
    if (this.#open) process.stderr.write('\r\x1b[K');
    this.#open = false;
  }
}
