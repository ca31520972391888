import { isMillraceError } from '@millrace/errors/millrace-error';
import { stopOnSignals } from './lifecycle.ts';
import { createLogger, type Logger, type LogLevel } from './logger.ts';
import { takeNodeWarnings } from './node-warnings.ts';
import { formatOptions, type OptionSpecs, type OptionValues, readOptions } from './options.ts';

/** Options that every process has. */
export const processOptions = {
  logFormat: { type: 'string', help: 'how log lines look', default: 'text', choices: ['text', 'json'] },
  logLevel: {
    type: 'string',
    help: 'least important lines that are logged',
    default: 'info',
    choices: ['debug', 'info', 'warn', 'error'],
  },
  drainSeconds: {
    type: 'integer',
    help: 'time that work in hand gets after SIGTERM',
    default: 20,
    unit: 'seconds',
    min: 0,
    max: 3600,
  },
} as const satisfies OptionSpecs;

/** A service that runs: what it prints when ready, and how it ends. */
export interface RunningService {
  /** Chosen ports and addresses, for the line on stdout. */
  readonly ready: Readonly<Record<string, string | number | boolean>>;
  shutdown(deadlineMs: number): Promise<void>;
}

export interface ServiceProgram<Specs extends OptionSpecs> {
  /** As typed by the user, for example `millrace start leaf`. */
  readonly usage: string;
  /** One or two sentences for --help. */
  readonly description: string;
  readonly options: Specs;
  start(options: OptionValues<Specs & typeof processOptions>, logger: Logger): Promise<RunningService>;
}

const exitUsage = 2;

/**
 * The main function of a service process: options from `argv` and the environment, logs to stderr, one JSON line on
 * stdout when ready (`{"ready":true,…}`), a drain on SIGTERM or SIGINT. Exits with 2 for wrong options, 1 when the
 * start fails.
 */
export async function runProcess<Specs extends OptionSpecs>(
  program: ServiceProgram<Specs>,
  argv: readonly string[],
): Promise<void> {
  const specs = { ...program.options, ...processOptions };
  if (argv.includes('--help') || argv.includes('-h')) {
    process.stdout.write(`${program.usage} [options]\n\n${program.description}\n\n${formatOptions(specs)}\n`);
    return;
  }
  let options: OptionValues<Specs & typeof processOptions>;
  try {
    options = readOptions(specs, argv, process.env) as OptionValues<Specs & typeof processOptions>;
  } catch (error) {
    if (!isMillraceError(error)) throw error;
    process.stderr.write(`${program.usage}: ${error.message}\nSee ${program.usage} --help\n`);
    process.exitCode = exitUsage;
    return;
  }
  const common = options as OptionValues<typeof processOptions>;
  const logger = createLogger({
    format: common.logFormat === 'json' ? 'json' : 'text',
    level: common.logLevel as LogLevel,
  });
  exitOnBugs(logger);
  takeNodeWarnings(({ name, message }) =>
    logger.warn('warning of Node.js', { warning: `${name}: ${message}` }),
  );
  let running: RunningService | undefined;
  stopOnSignals(async () => running?.shutdown(common.drainSeconds * 1000), logger);
  try {
    running = await program.start(options, logger);
  } catch (error) {
    logger.error('start failed', { error });
    if (isMillraceError(error)) logger.error(`remedy: ${error.remedy}`);
    process.exit(1);
  }
  process.stdout.write(`${JSON.stringify({ ready: true, ...running.ready })}\n`);
}

/**
 * A bug that nobody caught may have left anything half done: the process ends, and recovery is the normal start. It kills
 * itself because `process.exit` would first wait for native threads, such as those of a query.
 */
function exitOnBugs(logger: Logger): void {
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      logger.error(`bug: ${event}`, { error });
      process.kill(process.pid, 'SIGKILL');
    });
  }
}
