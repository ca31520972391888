/** Reads a topic as the extractor does and copies every value once, as its smallest possible use. */
import { parseClientConfig } from '@millrace/kafka/client-config';
import { KafkaSource } from '@millrace/kafka/kafka-source';
import { RecordCursor } from '@millrace/kafka/record-cursor';
import { measurePart, partInput } from './measure-part.ts';

const bufferBytesMax = 32 << 20;

const { brokers, topic } = partInput('fetch-only');
const source = await KafkaSource.connect({ brokers, config: parseClientConfig('', '') });
const partitions = await source.listPartitionOffsets(topic);
const ranges = partitions.map(({ partition, earliest, latest }) => ({
  partition,
  begin: earliest,
  end: latest,
}));
const target = Buffer.allocUnsafe(1 << 20);
await measurePart(async () => {
  const cursor = new RecordCursor();
  let rows = 0;
  let position = 0;
  await source.fetchRanges({ topic, ranges, bufferBytesMax }, (batches) => {
    cursor.open(batches);
    while (cursor.next()) {
      const { valueStart, valueEnd } = cursor;
      if (position + valueEnd - valueStart > target.length) position = 0;
      position += cursor.bytes.copy(target, position, valueStart, valueEnd);
      rows += 1;
    }
  });
  return rows;
});
source.close();
