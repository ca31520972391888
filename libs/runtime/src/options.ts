import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { MillraceError } from '@millrace/errors/millrace-error';
import { Secret } from './logger.ts';

/**
 * One process option, declared once. Its flag is `--kebab-name`, its environment variable `MILLRACE_UPPER_NAME`; help and
 * reference pages are derived from it. A secret has a twin, `--kebab-name-file` and `MILLRACE_UPPER_NAME_FILE`, that names
 * a file with its value: arguments show in process lists, files do not.
 */
export interface OptionSpec {
  readonly type: 'string' | 'integer' | 'boolean' | 'secret';
  readonly help: string;
  /** Absent: the option has no value unless given. */
  readonly default?: string | number | boolean;
  readonly required?: boolean;
  readonly unit?: string;
  readonly min?: number;
  readonly max?: number;
  readonly choices?: readonly string[];
}

/** Units of values whose form is checked: one address, or several between commas. */
const addressUnit = 'host:port';
const addressesUnit = 'host:port,…';

/** Options by camelCase name. */
export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

type ValueOf<Spec extends OptionSpec> = Spec['type'] extends 'integer'
  ? number
  : Spec['type'] extends 'boolean'
    ? boolean
    : Spec['type'] extends 'secret'
      ? Secret
      : string;

type IsPresent<Spec extends OptionSpec> = Spec extends
  | { readonly default: unknown }
  | { readonly required: true }
  ? true
  : false;

/** The values of a set of options: present when they have a default or are required, else possibly undefined. */
export type OptionValues<Specs extends OptionSpecs> = {
  readonly [Name in keyof Specs]: IsPresent<Specs[Name]> extends true
    ? ValueOf<Specs[Name]>
    : ValueOf<Specs[Name]> | undefined;
};

function fileTwinOf(name: string): string {
  return `${name}File`;
}

/** The options as they are typed and listed: with the file twins of the secrets. */
export function withFileTwins(specs: OptionSpecs): OptionSpecs {
  const twin = (name: string) => `file that holds it, instead of --${flagOf(name)}`;
  return Object.fromEntries(
    Object.entries(specs).flatMap(([name, spec]): [string, OptionSpec][] =>
      spec.type === 'secret'
        ? [
            [name, { ...spec, help: `${spec.help}; arguments show in process lists, so prefer the file` }],
            [fileTwinOf(name), { type: 'string', help: twin(name), unit: 'file' }],
          ]
        : [[name, spec]],
    ),
  );
}

/** `grpcPort` to `grpc-port`. */
export function flagOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `grpcPort` to `MILLRACE_GRPC_PORT`. */
export function variableOf(name: string): string {
  return `MILLRACE_${flagOf(name).replaceAll('-', '_').toUpperCase()}`;
}

/**
 * Reads options from the command line, then the environment, then defaults. Throws OPTION_INVALID that names the
 * option, the value and what is accepted; a secret's value is never named.
 */
export function readOptions<const Specs extends OptionSpecs>(
  specs: Specs,
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): OptionValues<Specs> {
  const flags = parseFlags(specs, argv);
  const values: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(specs)) {
    const given =
      givenValue(
        spec,
        name,
        (each) => flags[flagOf(each)]?.toString(),
        (each) => `--${flagOf(each)}`,
      ) ?? givenValue(spec, name, (each) => environment[variableOf(each)] || undefined, variableOf);
    if (given !== undefined) values[name] = given;
    else if (spec.default !== undefined) {
      values[name] = spec.type === 'secret' ? new Secret(String(spec.default)) : spec.default;
    } else if (spec.required === true) {
      throw new MillraceError(
        'OPTION_INVALID',
        `option --${flagOf(name)} (or ${variableOf(name)}) is required`,
      );
    }
  }
  // Every name of `specs` was given a value of its declared type, or left out where the type allows undefined.
  return values as OptionValues<Specs>;
}

/** An option's value from one place, where a secret may be given as itself or as the name of a file. */
function givenValue(
  spec: OptionSpec,
  name: string,
  textOf: (name: string) => string | undefined,
  shownAs: (name: string) => string,
): string | number | boolean | Secret | undefined {
  const text = textOf(name);
  const file = spec.type === 'secret' ? textOf(fileTwinOf(name)) : undefined;
  if (text !== undefined && file !== undefined) {
    throw new MillraceError(
      'OPTION_INVALID',
      `give ${shownAs(name)} or ${shownAs(fileTwinOf(name))}, not both`,
    );
  }
  if (file !== undefined) return readSecret(file, shownAs(fileTwinOf(name)));
  return text === undefined ? undefined : convert(spec, text, shownAs(name));
}

const secretBytesMax = 4096;

/** The first line of a file; editors and `echo` end it with a line feed that is not part of the secret. */
function readSecret(path: string, shownAs: string): Secret {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw new MillraceError('OPTION_INVALID', `${shownAs}: cannot read ${path}`, { cause: error });
  }
  if (text === '' || text.includes('\n') || Buffer.byteLength(text) > secretBytesMax) {
    throw new MillraceError(
      'OPTION_INVALID',
      `${shownAs}: ${path} must hold one line of at most ${secretBytesMax} bytes`,
    );
  }
  return new Secret(text);
}

function parseFlags(
  specs: OptionSpecs,
  argv: readonly string[],
): Record<string, string | boolean | undefined> {
  const options = Object.fromEntries(
    Object.entries(withFileTwins(specs)).map(([name, spec]) => [
      flagOf(name),
      { type: spec.type === 'boolean' ? ('boolean' as const) : ('string' as const) },
    ]),
  );
  try {
    const { values } = parseArgs({
      args: [...argv],
      options,
      strict: true,
      allowPositionals: false,
      allowNegative: true,
    });
    return values as Record<string, string | boolean | undefined>;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new MillraceError(
      'OPTION_INVALID',
      (text.split('. ')[0] ?? text).replace(/^./, (c) => c.toLowerCase()),
    );
  }
}

function convert(spec: OptionSpec, text: string, name: string): string | number | boolean | Secret {
  switch (spec.type) {
    case 'secret':
      return new Secret(text);
    case 'boolean':
      if (/^(true|1|on)$/i.test(text)) return true;
      if (/^(false|0|off)$/i.test(text)) return false;
      throw new MillraceError('OPTION_INVALID', `${name} must be true or false, not '${text}'`);
    case 'integer':
      return integerOf(spec, text, name);
    case 'string':
      if (spec.choices !== undefined && !spec.choices.includes(text)) {
        throw new MillraceError(
          'OPTION_INVALID',
          `${name} must be one of ${spec.choices.join(', ')}, not '${text}'`,
        );
      }
      if (spec.unit === addressUnit) checkAddress(text, name);
      if (spec.unit === addressesUnit)
        for (const address of text.split(',')) checkAddress(address.trim(), name);
      return text;
  }
}

function checkAddress(text: string, name: string): void {
  const [, port] = /^(?:\[[\da-f:.]+\]|[^\s:,[\]]+):(\d{1,5})$/i.exec(text) ?? [];
  if (port !== undefined && Number(port) <= 65_535) return;
  throw new MillraceError(
    'OPTION_INVALID',
    `${name} takes ${addressUnit}, with an IPv6 address in brackets, not '${text}'`,
  );
}

function integerOf(spec: OptionSpec, text: string, name: string): number {
  const value = Number(text);
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = spec;
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < min || value > max) {
    const range = spec.min === undefined && spec.max === undefined ? '' : ` from ${min} to ${max}`;
    throw new MillraceError('OPTION_INVALID', `${name} must be a whole number${range}, not '${text}'`);
  }
  return value;
}

/** The help text of a set of options, a line each. */
export function formatOptions(specs: OptionSpecs): string {
  const rows = Object.entries(withFileTwins(specs)).map(([name, spec]): readonly [string, string] => {
    const placeholder = spec.type === 'boolean' ? '' : ` ${(spec.unit ?? spec.type).toUpperCase()}`;
    const notes = [
      spec.choices === undefined ? '' : spec.choices.join(' | '),
      spec.required === true ? 'required' : '',
      spec.default === undefined || spec.type === 'secret' ? '' : `default ${spec.default}`,
    ].filter((note) => note !== '');
    return [
      `  --${flagOf(name)}${placeholder}`,
      `${spec.help}${notes.length === 0 ? '' : ` (${notes.join('; ')})`}`,
    ];
  });
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return rows.map(([left, right]) => `${left.padEnd(width)}${right}`).join('\n');
}
