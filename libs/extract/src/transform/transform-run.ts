import { isMillraceError, MillraceError } from '@millrace/errors/millrace-error';
import { rangeText, withFailureInfo } from '../rows/row-errors.ts';
import type { Records, SourceRange } from '../sources/record-source.ts';

/** WITH TRANSFORM of the pipeline. */
export interface TransformProgram {
  readonly uri: string;
  readonly executable: string;
  readonly arguments: string;
}

export type TransformOutput =
  | { readonly kind: 'stdout'; readonly bytes: Buffer }
  | { readonly kind: 'exited'; readonly exitCode: number; readonly stderr: string };

/** Runs the program once at the transform-runner; leaving the iteration ends it. */
export type RunTransform = (
  program: TransformProgram,
  stdin: AsyncIterable<Buffer>,
  signal: AbortSignal,
) => AsyncIterable<TransformOutput>;

const chunkBytes = 1 << 20;
const frameHeaderBytes = 8;

/**
 * Feeds the records of one source partition to a transform program: each value after its length as 8 bytes, little
 * endian. {@link write} never waits; the producer waits with {@link drained}.
 */
export class TransformRun {
  readonly #topic: string;
  readonly #range: SourceRange;
  #chunk = Buffer.allocUnsafe(0);
  #chunkUsed = 0;
  #full: Buffer[] = [];
  #ended = false;
  /** The program has ended. */
  closed = false;
  #wake: () => void = () => {};
  #taken: () => void = () => {};

  constructor(topic: string, range: SourceRange) {
    this.#topic = topic;
    this.#range = range;
  }

  /** Adds the value that `records` stands at. */
  write(records: Records): void {
    const start = records.valueStart;
    const length = records.valueEnd - start;
    const needed = frameHeaderBytes + length;
    if (this.#chunkUsed + needed > this.#chunk.length) {
      this.#cut();
      this.#chunk = Buffer.allocUnsafe(Math.max(chunkBytes, needed));
    }
    this.#chunk.writeUInt32LE(length, this.#chunkUsed);
    this.#chunk.writeUInt32LE(0, this.#chunkUsed + 4);
    records.bytes.copy(this.#chunk, this.#chunkUsed + frameHeaderBytes, start, records.valueEnd);
    this.#chunkUsed += needed;
  }

  /** Ends the program's input. */
  end(): void {
    this.#cut();
    this.#ended = true;
    this.#wake();
  }

  /** Waits until the program has taken all but a little of its input, or is gone. */
  async drained(): Promise<void> {
    while (this.#full.length > 1 && !this.closed) {
      await new Promise<void>((resolve) => {
        this.#taken = resolve;
      });
    }
  }

  /**
   * Runs the program and hands its output to `take` in order.
   *
   * @throws MillraceError TRANSFORM_FAILED, TRANSFORM_LIMIT, RUNNER_UNAVAILABLE, or what `take` throws.
   */
  async run(
    runTransform: RunTransform,
    program: TransformProgram,
    take: (bytes: Buffer) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      for await (const output of this.#outputs(runTransform, program, signal)) {
        if (output.kind === 'stdout') {
          await take(output.bytes);
        } else if (output.exitCode !== 0) {
          const message = `the transform program ended with exit code ${output.exitCode}`;
          throw this.#failure(new MillraceError('TRANSFORM_FAILED', message, { detail: output.stderr }));
        }
      }
    } finally {
      this.closed = true;
      this.#taken();
      this.end();
    }
  }

  async *#outputs(
    runTransform: RunTransform,
    program: TransformProgram,
    signal: AbortSignal,
  ): AsyncGenerator<TransformOutput> {
    const outputs = runTransform(program, this.#input(), signal)[Symbol.asyncIterator]();
    try {
      for (;;) {
        let next: IteratorResult<TransformOutput>;
        try {
          next = await outputs.next();
        } catch (error) {
          throw isMillraceError(error) ? this.#failure(error) : error;
        }
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      await outputs.return?.();
    }
  }

  #cut(): void {
    if (this.#chunkUsed > 0) this.#full.push(this.#chunk.subarray(0, this.#chunkUsed));
    this.#chunk = Buffer.allocUnsafe(0);
    this.#chunkUsed = 0;
    this.#wake();
  }

  async *#input(): AsyncGenerator<Buffer> {
    for (;;) {
      const chunk = this.#full.shift();
      if (chunk !== undefined) {
        yield chunk;
        this.#taken();
      } else if (this.#ended) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  #failure(error: MillraceError): MillraceError {
    const code = error.code === 'PEER_UNAVAILABLE' ? 'RUNNER_UNAVAILABLE' : error.code;
    const message = `${rangeText(this.#topic, this.#range)}: ${error.message}`;
    const options = error.detail === undefined ? { cause: error } : { cause: error, detail: error.detail };
    return withFailureInfo(new MillraceError(code, message, options), {
      kind: 'Transform',
      sourcePartition: this.#range.sourcePartition,
      offset: -1n,
      line: '',
      lineNumber: 0,
      stdError: error.detail ?? '',
    });
  }
}
