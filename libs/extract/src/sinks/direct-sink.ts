import { SliceSender } from '../delivery/slice-sender.ts';
import type { SliceDestination, SlicePartition, StagedSlice, StageSlice } from '../delivery/slice-target.ts';
import { columnDictionaries, type ParquetColumn, ParquetWriter } from '../parquet/parquet-writer.ts';
import type { RowFields } from '../rows/row-fields.ts';
import type { RowPlan } from '../rows/row-plan.ts';
import { directParquetType } from '../rows/slice-columns.ts';
import { RowHash } from '../shard/row-hash.ts';
import { canHashDirectly, DirectRow } from './direct-row.ts';
import { spreadPartition } from './row-spreader.ts';

const rowGroupRowsMax = 122_880;
/** How often, in rows of a partition, the size of its open row group is looked at. */
const sizeCheckRows = 256;

export interface SinkOptions {
  readonly plan: RowPlan;
  readonly destination: SliceDestination;
  readonly stage: StageSlice;
  readonly batchId: bigint;
  /** Memory for rows that are not on their way to a leaf yet. */
  readonly bufferBytesMax: number;
  readonly signal: AbortSignal;
}

/** Whether rows of the plan can be turned into slices without the engine. */
export function isDirectPlan(plan: RowPlan): boolean {
  return (
    plan.where === '' &&
    plan.columns.every(
      ({ type, source }) => source.kind !== 'expression' && directParquetType(type) !== undefined,
    ) &&
    plan.shardKey.every((column) => {
      const type = plan.columns[column]?.type;
      return type !== undefined && canHashDirectly(type);
    })
  );
}

/** Rows of one partition. */
interface Lane {
  readonly partition: SlicePartition;
  readonly writer: ParquetWriter;
  sender: SliceSender | undefined;
}

/**
 * The fast way from scanned rows to slices: values are converted here, routed by shard hash, encoded as Parquet column
 * by column and streamed to the leaves row group by row group. Takes plans that {@link isDirectPlan} accepts, and rows
 * whose values are plain.
 */
export class DirectSink {
  readonly #options: SinkOptions;
  readonly #row: DirectRow;
  readonly #hash = new RowHash();
  readonly #columns: readonly ParquetColumn[];
  readonly #dictionaries: ReturnType<typeof columnDictionaries>;
  readonly #lanes: (Lane | undefined)[];
  readonly #slice: string;
  readonly #laneBytesMax: number;
  #rows = 0;

  constructor(options: SinkOptions, slice: string) {
    this.#options = options;
    this.#slice = slice;
    this.#row = new DirectRow(options.plan.columns);
    this.#columns = options.plan.columns.map(({ name, type }) => {
      const parquetType = directParquetType(type);
      if (parquetType === undefined) throw new RangeError(`column ${name} cannot be written directly`);
      return { name, type: parquetType };
    });
    this.#dictionaries = columnDictionaries(this.#columns);
    const count = options.destination.partitions.length;
    this.#lanes = new Array<Lane | undefined>(count).fill(undefined);
    this.#laneBytesMax = options.bufferBytesMax / count;
  }

  /** Takes the row, or answers false if it has a value that only the engine can judge. */
  tryAddRow(fields: RowFields): boolean {
    const row = this.#row;
    if (!row.convert(fields)) return false;
    const lane = this.#laneOf(fields);
    const writer = lane.writer;
    row.store(fields, writer.columns);
    writer.rows += 1;
    this.#rows += 1;
    const rowsOpen = writer.rowsOpen;
    if (
      rowsOpen % sizeCheckRows === 0 &&
      (rowsOpen >= rowGroupRowsMax || writer.bytesOpen >= this.#laneBytesMax)
    ) {
      this.#senderOf(lane).push(writer.finishRowGroup());
    }
    return true;
  }

  #laneOf(fields: RowFields): Lane {
    const { plan, destination, batchId } = this.#options;
    const count = destination.partitions.length;
    const index =
      count === 1
        ? 0
        : plan.shardKey.length > 0
          ? this.#row.partition(fields, this.#hash, plan.shardKey, count)
          : spreadPartition(batchId, this.#rows, count);
    return this.#lanes[index] ?? this.#openLane(index);
  }

  #openLane(index: number): Lane {
    const partition = this.#options.destination.partitions[index];
    if (partition === undefined) throw new RangeError(`partition ${index}`);
    const lane = {
      partition,
      writer: new ParquetWriter(this.#columns, this.#dictionaries),
      sender: undefined,
    };
    this.#lanes[index] = lane;
    return lane;
  }

  #senderOf(lane: Lane): SliceSender {
    const { stage, destination, signal } = this.#options;
    lane.sender ??= new SliceSender(stage, destination, lane.partition, this.#slice, {
      bufferBytesMax: this.#laneBytesMax,
      signal,
    });
    return lane.sender;
  }

  /** Waits until the leaves have taken most of what is finished. Throws what a leaf answered. */
  async settle(): Promise<void> {
    for (const lane of this.#lanes) {
      if (lane?.sender !== undefined && lane.sender.pendingBytes > this.#laneBytesMax)
        await lane.sender.drained();
    }
  }

  /** Ends all slices and waits until they are durable. */
  async finish(): Promise<StagedSlice[]> {
    const lanes = this.#lanes.filter((lane): lane is Lane => lane !== undefined);
    const staged = await Promise.all(
      lanes.map((lane) => {
        const sender = this.#senderOf(lane);
        sender.push(lane.writer.finish());
        return sender.finish(lane.writer.rows, lane.writer.crc);
      }),
    );
    return staged.flat();
  }
}
