import { runProcess } from '@millrace/runtime/process';
import { exitCode } from '../command.ts';

/** Services by name; each is loaded only when it is started. */
const services: Readonly<Record<string, (argv: readonly string[]) => Promise<void>>> = {
  aggregator: async (argv) =>
    runProcess((await import('@millrace/app-aggregator/service')).aggregatorProgram, argv),
  leaf: async (argv) => runProcess((await import('@millrace/app-leaf/service')).leafProgram, argv),
  'pipeline-extractor': async (argv) =>
    runProcess((await import('@millrace/app-pipeline-extractor/service')).extractorProgram, argv),
  'transform-runner': async (argv) =>
    runProcess((await import('@millrace/app-transform-runner/service')).runnerProgram, argv),
};

const standalone = async (argv: readonly string[]) =>
  runProcess((await import('@millrace/app-standalone/service')).standaloneProgram, argv);

/** `millrace start [SERVICE] …`: returns when the service is ready; the process goes on until a signal ends it. */
export async function start(argv: readonly string[]): Promise<number> {
  const [word, ...rest] = argv;
  endWithParent();
  if (word === undefined || word.startsWith('-')) {
    await standalone(argv);
    if (argv.includes('--help') || argv.includes('-h')) process.stdout.write(`\n${servicesText()}`);
    return exitCode.ok;
  }
  const service = Object.hasOwn(services, word) ? services[word] : undefined;
  if (service === undefined) {
    process.stderr.write(`millrace start: there is no service '${word}'\n\n${servicesText()}`);
    return exitCode.usage;
  }
  await service(rest);
  return exitCode.ok;
}

function servicesText(): string {
  const names = Object.keys(services).map((name) => `  millrace start ${name} --help\n`);
  return `One service as a process of its own:\n${names.join('')}`;
}

/** A process that was started with a channel to its parent does not outlive it, however the parent ended. */
function endWithParent(): void {
  if (process.channel === undefined) return;
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
}
