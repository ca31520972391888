import { isMillraceError, type MillraceError } from '@millrace/errors/millrace-error';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * What each level means: `error`, someone must act; `warn`, the system recovered but an operator should know;
 * `info`, a state change worth a line; `debug`, for developers.
 */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds fields to every line. */
  child(fields: LogFields): Logger;
}

export interface LoggerOptions {
  readonly format: 'text' | 'json';
  readonly level: LogLevel;
  /** Where lines go; stderr unless a test says otherwise. */
  readonly write?: (line: string) => void;
  readonly now?: () => Date;
}

const causesMax = 5;
const ranks: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/** A value that must never reach a log: logging or printing it shows `[secret]`. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toJSON(): string {
    return '[secret]';
  }

  toString(): string {
    return '[secret]';
  }
}

/** Creates a logger that writes one line per call, as text for people or as JSON for programs. */
export function createLogger(options: LoggerOptions, fields: LogFields = {}): Logger {
  const write = options.write ?? ((line: string) => void process.stderr.write(line));
  const now = options.now ?? (() => new Date());
  const format = options.format === 'json' ? formatJson : formatText;
  const log = (level: LogLevel, message: string, extra?: LogFields) => {
    if (ranks[level] < ranks[options.level]) return;
    write(`${format(now(), level, message, { ...fields, ...extra })}\n`);
  };
  return {
    debug: (message, extra) => log('debug', message, extra),
    info: (message, extra) => log('info', message, extra),
    warn: (message, extra) => log('warn', message, extra),
    error: (message, extra) => log('error', message, extra),
    child: (extra) => createLogger(options, { ...fields, ...extra }),
  };
}

/** An error that the code foresees needs no stack: its code, its text and what caused it. */
function textOfKnown(error: MillraceError): string {
  const texts = [`${error.code}: ${error.message}`];
  if (error.detail !== undefined) texts.push(error.detail);
  for (let { cause } = error; cause instanceof Error && texts.length < causesMax; { cause } = cause)
    if (!texts.some((text) => text.includes((cause as Error).message))) texts.push(cause.message);
  return texts.join('; ');
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (isMillraceError(value) && value.code !== 'INTERNAL') return textOfKnown(value);
  if (value instanceof Error) return value.stack ?? value.message;
  return value;
}

function formatJson(time: Date, level: LogLevel, message: string, fields: LogFields): string {
  return JSON.stringify({ time: time.toISOString(), level, message, ...fields }, (_key, value: unknown) =>
    plain(value),
  );
}

function formatText(time: Date, level: LogLevel, message: string, fields: LogFields): string {
  const pairs = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${textOf(value)}`);
  return [time.toISOString(), level.toUpperCase().padEnd(5), message, ...pairs].join(' ');
}

function textOf(value: unknown): string {
  const flat = plain(value);
  if (typeof flat === 'string') return /[\s"=]/.test(flat) ? JSON.stringify(flat) : flat;
  return JSON.stringify(flat, (_key, inner: unknown) => plain(inner)) ?? 'undefined';
}

export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
};
