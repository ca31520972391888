import type { OptionSpecs, OptionValues } from '@millrace/runtime/options';
import { type Command, type Environment, exitCode } from '../command.ts';
import type { Storage } from '../demo/adtech-database.ts';
import { runDemo } from '../demo/demo-run.ts';
import { Interrupt } from '../interrupt.ts';

const port = { type: 'integer', min: 0, max: 65_535 } as const;

export const demoOptions = {
  seconds: {
    type: 'integer',
    help: 'ends by itself after this time, counted from the start',
    min: 1,
    unit: 'seconds',
  },
  json: {
    type: 'boolean',
    help: 'one JSON summary on stdout at the end, progress on stderr',
    default: false,
  },
  rate: {
    type: 'integer',
    help: 'events per second; 0 is as many as possible',
    default: 10_000,
    min: 0,
    unit: 'events',
  },
  seed: { type: 'integer', help: 'equal seeds give equal events', default: 1 },
  storage: {
    type: 'string',
    help: 'kind of the table',
    default: 'rowstore',
    choices: ['rowstore', 'columnstore'],
  },
  leaves: { type: 'integer', help: 'leaves to run', default: 2, min: 1, max: 64 },
  dataDir: { type: 'string', help: 'keeps everything here; a temporary folder if not given', unit: 'dir' },
  mysqlPort: { ...port, help: 'MySQL port; 3306 or any free one if not given' },
  kafkaPort: { ...port, help: 'Kafka port; 9092 or any free one if not given' },
  verbose: { type: 'boolean', help: 'shows the log of the services', default: false },
} as const satisfies OptionSpecs;

export const demoCommand: Command<typeof demoOptions> = {
  usage: 'millrace demo',
  description:
    'Starts Millrace and a Kafka broker for development, writes ad-tech events to a topic, loads them with a pipeline, and\n' +
    'shows how they arrive, until Ctrl-C. The end counts whether every event became a row exactly once.',
  options: demoOptions,
  run: demo,
};

async function demo(options: OptionValues<typeof demoOptions>, environment: Environment): Promise<number> {
  using interrupt = new Interrupt();
  try {
    // The option's choices are the two kinds.
    const storage = options.storage as Storage;
    const password = environment['MILLRACE_PASSWORD'] ?? '';
    const summary = await runDemo({ ...options, storage, password }, interrupt.signal);
    if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
    return summary.ok ? exitCode.ok : exitCode.failed;
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    process.stderr.write('stopped before the first event\n');
    return exitCode.interrupted;
  }
}
