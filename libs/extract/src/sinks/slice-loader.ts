import type { StagedSlice } from '../delivery/slice-target.ts';
import type { RowFields, RowSink } from '../rows/row-fields.ts';
import { DirectSink, isDirectPlan } from './direct-sink.ts';
import { EngineSink, type EngineSinkOptions } from './engine-sink.ts';

/**
 * Turns the rows of one batch into staged slices. Rows go the direct way until one has a value that only the engine can
 * judge; from there on the batch goes the engine's way. Slice names count up in the order of the rows: applied in the
 * order of their names they keep the order within each source partition.
 */
export class SliceLoader implements RowSink {
  /** Rows taken per source range, before WHERE. */
  readonly rowsByRange: number[] = [];
  readonly #options: EngineSinkOptions;
  #direct: DirectSink | undefined;
  #engine: EngineSink | undefined;
  #slices = 0;
  #turn: Promise<void> = Promise.resolve();
  #staged: StagedSlice[] = [];

  constructor(options: EngineSinkOptions) {
    this.#options = options;
    if (isDirectPlan(options.plan)) this.#direct = new DirectSink(options, this.#nextSlice());
    else this.#engine = new EngineSink(options);
  }

  addRow(fields: RowFields): void {
    this.rowsByRange[fields.range] = (this.rowsByRange[fields.range] ?? 0) + 1;
    if (this.#engine === undefined) {
      if (this.#direct?.tryAddRow(fields)) return;
      this.#engine = new EngineSink(this.#options);
    }
    this.#engine.addRow(fields);
  }

  /** Brings memory back under its limit by waiting for leaves and the engine. Call it between blocks of records. */
  settle(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#engine?.full) await this.#flushEngine();
      else await this.#direct?.settle();
    });
  }

  /** Delivers everything that is left and waits until it is durable. */
  finish(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#engine === undefined) await this.#finishDirect();
      else await this.#flushEngine();
    });
  }

  /** Slices staged since the last call. */
  takeStaged(): StagedSlice[] {
    const staged = this.#staged;
    this.#staged = [];
    return staged;
  }

  async close(): Promise<void> {
    await this.#engine?.close();
  }

  /** Transforms of several source partitions settle at the same time: one after the other. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #flushEngine(): Promise<void> {
    await this.#finishDirect();
    const staged = await this.#engine?.flush(this.#nextSlice());
    this.#staged.push(...(staged ?? []));
  }

  async #finishDirect(): Promise<void> {
    const direct = this.#direct;
    this.#direct = undefined;
    if (direct !== undefined) this.#staged.push(...(await direct.finish()));
  }

  #nextSlice(): string {
    const number = String(this.#slices).padStart(5, '0');
    this.#slices += 1;
    return `${this.#options.destination.slicePrefix}-${number}`;
  }
}
