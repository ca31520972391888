import type { OptionSpecs, OptionValues } from '@millrace/runtime/options';
import { produceEvents } from '../adtech/event-pacing.ts';
import { EventProducer } from '../adtech/event-producer.ts';
import { type Command, exitCode } from '../command.ts';
import { Interrupt } from '../interrupt.ts';
import { countOf } from '../number-text.ts';

export const generateOptions = {
  brokers: { type: 'string', help: 'Kafka brokers', default: '127.0.0.1:9092', unit: 'host:port,…' },
  topic: { type: 'string', help: 'topic, created if it does not exist', default: 'adtech' },
  partitions: { type: 'integer', help: 'partitions of a created topic', default: 4, min: 1, max: 256 },
  count: { type: 'integer', help: 'events to write; without it until Ctrl-C', unit: 'events', min: 1 },
  rate: {
    type: 'integer',
    help: 'events per second; 0 is as fast as the broker takes them',
    default: 0,
    unit: 'events',
    min: 0,
  },
  seed: { type: 'integer', help: 'equal seeds give equal events', default: 1 },
} as const satisfies OptionSpecs;

export const generateCommand: Command<typeof generateOptions> = {
  usage: 'millrace generate',
  description:
    'Writes ad-tech events to a Kafka topic: JSON objects of about 170 bytes with the fields of the demo table.\n' +
    'An event goes to the partition user_id modulo the number of partitions.',
  options: generateOptions,
  run: generate,
};

async function generate(options: OptionValues<typeof generateOptions>): Promise<number> {
  using interrupt = new Interrupt();
  const producer = await EventProducer.open(options);
  const startMs = performance.now();
  let shownMs = startMs;
  const written = await produceEvents(producer, {
    rate: options.rate,
    count: options.count ?? Infinity,
    signal: interrupt.signal,
    onWritten: (soFar) => {
      if (performance.now() - shownMs < 1000) return;
      shownMs = performance.now();
      process.stderr.write(`${countOf(soFar)} events written\n`);
    },
  });
  const seconds = (performance.now() - startMs) / 1000;
  await producer.close();
  process.stdout.write(
    `${countOf(written)} events written to topic ${options.topic} in ${seconds.toFixed(1)} s, ` +
      `${countOf(written / seconds)} events/s\n`,
  );
  return exitCode.ok;
}
