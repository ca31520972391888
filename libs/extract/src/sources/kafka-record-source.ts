import { MillraceError } from '@millrace/errors/millrace-error';
import { parseClientConfig } from '@millrace/kafka/client-config';
import { KafkaSource } from '@millrace/kafka/kafka-source';
import { RecordCursor } from '@millrace/kafka/record-cursor';
import type { Logger } from '@millrace/runtime/logger';
import type { ReadOptions, RecordBlock, RecordSource, SourceOffsets, SourceRange } from './record-source.ts';
import type { SourceSettings } from './source-cache.ts';

/** A Kafka topic. Source partitions are its partitions, named by their numbers. */
export class KafkaRecordSource implements RecordSource {
  readonly #source: KafkaSource;
  readonly #topic: string;
  readonly #logger: Logger;

  private constructor(source: KafkaSource, topic: string, logger: Logger) {
    this.#source = source;
    this.#topic = topic;
    this.#logger = logger;
  }

  /** Connects. Throws MillraceError PIPELINE_DEFINITION, SOURCE_UNREACHABLE, SOURCE_AUTHENTICATION. */
  static async open(
    settings: SourceSettings,
    logger: Logger,
    signal: AbortSignal,
  ): Promise<KafkaRecordSource> {
    const config = parseClientConfig(JSON.stringify(settings.config), JSON.stringify(settings.credentials));
    const source = await KafkaSource.connect({ brokers: settings.brokers, config, signal });
    return new KafkaRecordSource(source, settings.topic, logger);
  }

  async describe(signal: AbortSignal): Promise<SourceOffsets[]> {
    const partitions = await this.#source.listPartitionOffsets(this.#topic, { signal });
    return partitions.map(({ partition, earliest, latest }) => ({
      sourcePartition: String(partition),
      earliest,
      latest,
    }));
  }

  async read(
    ranges: readonly SourceRange[],
    take: (block: RecordBlock) => Promise<void>,
    { bufferBytesMax, signal }: ReadOptions,
  ): Promise<void> {
    const topic = this.#topic;
    const rangeOf = new Map(
      ranges.map(({ sourcePartition }, index) => [partitionNumber(sourcePartition), index]),
    );
    const cursor = new RecordCursor();
    await this.#source.fetchRanges(
      {
        topic,
        ranges: ranges.map(({ sourcePartition, begin, end }) => ({
          partition: partitionNumber(sourcePartition),
          begin,
          end,
        })),
        bufferBytesMax,
        signal,
        onRetry: (error, attempt) =>
          this.#logger.warn('fetch failed, trying again', { topic, attempt, error }),
      },
      async (batches) => {
        cursor.open(batches);
        const range = rangeOf.get(batches.partition);
        if (range === undefined) throw new RangeError(`partition ${batches.partition} was not asked for`);
        await take({ range, records: cursor, bytes: batches.bytes.length });
      },
    );
  }

  close(): void {
    this.#source.close();
  }
}

function partitionNumber(sourcePartition: string): number {
  if (!/^\d{1,9}$/.test(sourcePartition)) {
    throw new MillraceError('PIPELINE_DEFINITION', `'${sourcePartition}' is not a Kafka partition number`);
  }
  return Number(sourcePartition);
}
