import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { devNull } from 'node:os';
import { AdtechEvents, adtechEventBytesMax } from '@millrace/testkit/adtech-events';
import { ProduceConnection } from './produce-connection.ts';
import { RecordBatchBuilder } from './record-batch-builder.ts';

/** What a busy producer with a little linger sends: about 170 kB. */
const recordsPerBatch = 1_000;
const batchBytesMax = recordsPerBatch * (adtechEventBytesMax + 32);
const requestsInFlightMax = 8;

export interface FillTopicOptions {
  readonly broker: string;
  readonly topic: string;
  readonly partitions: number;
  readonly rows: number;
  readonly seed: number;
  /** Gets the same events, one a line. */
  readonly ndjsonFile?: string;
  readonly onProgress: (rows: number) => void;
}

/** Writes events to a topic, batch by batch round robin over its partitions, and to a file. Gives the bytes of the events. */
export async function fillTopic(options: FillTopicOptions): Promise<number> {
  const { topic, partitions, rows } = options;
  const events = new AdtechEvents(options.seed);
  const connection = await ProduceConnection.open(options.broker);
  const file = createWriteStream(options.ndjsonFile ?? devNull);
  const builder = new RecordBatchBuilder(batchBytesMax);
  const inFlight: Promise<void>[] = [];
  let bytes = 0;
  try {
    for (let written = 0, batch = 0; written < rows; written += builder.count, batch += 1) {
      const lines = fillBatch(builder, events, Math.min(recordsPerBatch, rows - written));
      bytes += lines.length - builder.count;
      await writeAll(file, lines);
      inFlight.push(connection.send(topic, batch % partitions, builder.finish(Date.now())));
      if (inFlight.length >= requestsInFlightMax) await inFlight.shift();
      options.onProgress(written);
    }
    await Promise.all(inFlight);
  } finally {
    connection.close();
    file.end();
  }
  await once(file, 'close');
  return bytes;
}

/** Fills the batch and gives the same events as lines. */
function fillBatch(builder: RecordBatchBuilder, events: AdtechEvents, count: number): Buffer {
  const lines = Buffer.allocUnsafe(count * (adtechEventBytesMax + 1));
  let position = 0;
  builder.reset();
  for (let index = 0; index < count; index += 1) {
    const end = events.write(lines, position);
    builder.add(lines, position, end);
    lines[end] = 0x0a;
    position = end + 1;
  }
  return lines.subarray(0, position);
}

async function writeAll(file: WriteStream, bytes: Buffer): Promise<void> {
  if (!file.write(bytes)) await once(file, 'drain');
}
