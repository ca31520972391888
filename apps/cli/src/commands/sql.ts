import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { OptionSpecs, OptionValues } from '@millrace/runtime/options';
import { type Command, type Environment, exitCode } from '../command.ts';
import { connect, disconnect } from '../sql/connection.ts';
import { JsonOutput } from '../sql/json-output.ts';
import { runStatements } from '../sql/run-statements.ts';
import { TableOutput, type TextOutput } from '../sql/table-output.ts';

const sqlOptions = {
  execute: { type: 'string', help: 'statements to run; standard input if not given', unit: 'sql' },
  json: { type: 'boolean', help: 'a line of JSON per statement instead of tables', default: false },
  host: { type: 'string', help: 'where Millrace runs', default: '127.0.0.1' },
  port: { type: 'integer', help: 'its MySQL port', default: 3306, min: 1, max: 65_535 },
  user: { type: 'string', help: 'user name', default: 'root' },
  database: { type: 'string', help: 'database to begin with' },
  tlsCa: {
    type: 'string',
    help: 'connects with TLS, to a server with a certificate (PEM) of this authority for the host name given',
    unit: 'file',
  },
} as const satisfies OptionSpecs;

export const sqlCommand: Command<typeof sqlOptions> = {
  usage: 'millrace sql',
  description:
    "Runs statements, separated by semicolons, and prints their results: millrace sql -e 'SHOW DATABASES'\n" +
    'Stops at the first error and exits with 1. The password is taken from the variable MILLRACE_PASSWORD.\n' +
    'For a prompt with history, use any MySQL client: mysql -h 127.0.0.1 -P 3306 -u root',
  options: sqlOptions,
  shortFlags: { '-e': 'execute', '-P': 'port', '-u': 'user' },
  run: runSql,
};

async function runSql(options: OptionValues<typeof sqlOptions>, environment: Environment): Promise<number> {
  const statements = options.execute ?? (await readStandardInput());
  const output = standardOutput();
  const sink = options.json ? new JsonOutput(output) : new TableOutput(output);
  const connection = await connect({ ...options, password: environment['MILLRACE_PASSWORD'] ?? '' });
  try {
    await runStatements(connection, statements, sink);
    await disconnect(connection);
    return exitCode.ok;
  } catch (error) {
    if (sink instanceof JsonOutput) sink.failed(error);
    connection.destroy();
    throw error;
  }
}

async function readStandardInput(): Promise<string> {
  if (process.stdin.isTTY) {
    throw new MillraceError(
      'OPTION_INVALID',
      "there is nothing to run: give statements with -e 'SELECT …', or pipe them in",
    );
  }
  return text(process.stdin);
}

function standardOutput(): TextOutput {
  const { stdout } = process;
  // A reader such as `head` that has seen enough is no failure.
  stdout.on('error', (error: NodeJS.ErrnoException) =>
    process.exit(error.code === 'EPIPE' ? exitCode.ok : exitCode.failed),
  );
  return {
    write: (each) => void stdout.write(each),
    ready: () => (stdout.writableNeedDrain ? once(stdout, 'drain').then(() => undefined) : undefined),
  };
}
