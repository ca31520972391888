import { isMillraceError } from '@millrace/errors/millrace-error';
import { formatOptions, type OptionSpecs, type OptionValues, readOptions } from '@millrace/runtime/options';
import { messageOf } from './error-text.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export const exitCode = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** A command of `millrace` with its own options. */
export interface Command<Specs extends OptionSpecs> {
  /** As typed by the user, for example `millrace sql`. */
  readonly usage: string;
  /** One or more paragraphs for --help. */
  readonly description: string;
  readonly options: Specs;
  /** Short forms of options, for example `{ '-e': 'execute' }`. */
  readonly shortFlags?: Readonly<Record<string, keyof Specs & string>>;
  /** Does the work and gives the exit code. What it throws is told to the user, with exit code 1. */
  run(options: OptionValues<Specs>, environment: Environment): Promise<number>;
}

/** Reads options, answers --help, runs the command and tells the user about errors. Gives the exit code. */
export async function runCommand<Specs extends OptionSpecs>(
  command: Command<Specs>,
  argv: readonly string[],
  environment: Environment,
): Promise<number> {
  if (argv.includes('--help')) {
    process.stdout.write(helpOf(command));
    return exitCode.ok;
  }
  let options: OptionValues<Specs>;
  try {
    options = readOptions(command.options, withLongFlags(argv, command.shortFlags ?? {}), environment);
  } catch (error) {
    if (!isMillraceError(error)) throw error;
    process.stderr.write(`${command.usage}: ${error.message}\nSee ${command.usage} --help\n`);
    return exitCode.usage;
  }
  try {
    return await command.run(options, environment);
  } catch (error) {
    process.stderr.write(`${command.usage}: ${messageOf(error)}\n`);
    return exitCode.failed;
  }
}

function helpOf<Specs extends OptionSpecs>(command: Command<Specs>): string {
  const short = Object.entries(command.shortFlags ?? {}).map(
    ([flag, name]) => `  ${flag} is short for --${name}\n`,
  );
  return `${command.usage} [options]\n\n${command.description}\n\n${formatOptions(command.options)}\n${short.join('')}`;
}

/** `-e TEXT` as `--execute=TEXT`, so that a text may begin with a dash. */
export function withLongFlags(
  argv: readonly string[],
  shortFlags: Readonly<Record<string, string>>,
): readonly string[] {
  const long: string[] = [];
  for (let index = 0; index < argv.length; index += 1) {
    const word = argv[index] ?? '';
    const name = shortFlags[word];
    const value = argv[index + 1];
    if (name === undefined || value === undefined) {
      long.push(name === undefined ? word : `--${name}`);
    } else {
      long.push(`--${name}=${value}`);
      index += 1;
    }
  }
  return long;
}
