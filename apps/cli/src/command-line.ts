import { version } from '@millrace/runtime/version';
import { type Environment, exitCode, runCommand } from './command.ts';

interface Entry {
  readonly summary: string;
  /** Runs with the words behind the command's name. Loads what it needs by itself, so that --help is quick. */
  run(argv: readonly string[], environment: Environment): Promise<number>;
}

const commands: Readonly<Record<string, Entry>> = {
  start: {
    summary: 'run a whole cluster in one process, or one service of a cluster',
    run: async (argv) => (await import('./commands/start.ts')).start(argv),
  },
  demo: {
    summary: 'watch events flow from Kafka into a table that answers SQL',
    run: async (argv, environment) =>
      runCommand((await import('./commands/demo.ts')).demoCommand, argv, environment),
  },
  sql: {
    summary: 'run SQL statements',
    run: async (argv, environment) =>
      runCommand((await import('./commands/sql.ts')).sqlCommand, argv, environment),
  },
  generate: {
    summary: 'write ad-tech events to a Kafka topic',
    run: async (argv, environment) =>
      runCommand((await import('./commands/generate.ts')).generateCommand, argv, environment),
  },
  help: {
    summary: 'show this text',
    run: async () => {
      process.stdout.write(helpText());
      return exitCode.ok;
    },
  },
  version: {
    summary: 'show the version',
    run: async () => {
      process.stdout.write(`millrace ${version}\n`);
      return exitCode.ok;
    },
  },
};

const aliases: Readonly<Record<string, string>> = { '--help': 'help', '-h': 'help', '--version': 'version' };

/** Runs the command named first and gives the exit code. */
export async function readCommandLine(argv: readonly string[], environment: Environment): Promise<number> {
  const [word, ...rest] = argv;
  if (word === undefined) {
    process.stderr.write(helpText());
    return exitCode.usage;
  }
  const name = aliases[word] ?? word;
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (entry === undefined) {
    process.stderr.write(`millrace: there is no command '${word}'\n\n${helpText()}`);
    return exitCode.usage;
  }
  return entry.run(rest, environment);
}

function helpText(): string {
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}\n`);
  return (
    'millrace COMMAND [options]: Kafka topics as SQL tables, exactly once\n\n' +
    `${lines.join('')}\nmillrace COMMAND --help shows the options of a command.\n`
  );
}
