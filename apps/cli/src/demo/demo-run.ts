import { existsSync } from 'node:fs';
import { MillraceError } from '@millrace/errors/millrace-error';
import { sleep } from '@millrace/runtime/backoff';
import { produceEvents } from '../adtech/event-pacing.ts';
import type { AdtechDatabase } from './adtech-database.ts';
import { type DemoOutput, demoOutput } from './demo-output.ts';
import { type DemoStartOptions, prepareDemo, type RunningDemo, startServer } from './demo-start.ts';
import { type DemoSummary, summarize, summaryLines } from './demo-summary.ts';
import { sum } from './demo-view.ts';
import { LoadMonitor } from './load-monitor.ts';
import type { ServerProcess } from './server-process.ts';
import { openWorkspace } from './workspace.ts';

export interface DemoRunOptions extends DemoStartOptions {
  /** Since the start of this process; undefined runs until the signal. */
  readonly seconds: number | undefined;
  readonly json: boolean;
  /** Events per second; 0 is as many as possible. */
  readonly rate: number;
  readonly dataDir: string | undefined;
}

const refreshMs = 1000;
const drainPollMs = 50;
/** Even a run that was slow to start shows some events. */
const loadMsMin = 2000;
/** A pipeline without any progress for so long is not going to load the rest. */
const drainPatienceMs = 15_000;
/** A dying server breaks connections before its exit is known; the exit explains more. */
const exitNoticeMs = 500;

/**
 * Runs the demo until the signal aborts or its time is over, stops the generator, and waits until the rest is loaded.
 * Rejects when anything of it fails, or when the signal aborts before the first event.
 */
export async function runDemo(options: DemoRunOptions, interrupt: AbortSignal): Promise<DemoSummary> {
  const workspace = openWorkspace(options.dataDir);
  const output = demoOutput(options);
  const resources = new AsyncDisposableStack();
  let keepLog = true;
  try {
    output.say('Starting Millrace');
    output.say(`  data and log in ${workspace.path}${workspace.isTemporary ? ', removed at the end' : ''}`);
    const server = await startServer(options, workspace, resources);
    const summary = await explained(server, async () => {
      const demo = await prepareDemo(server, options, workspace, output, resources, interrupt);
      return load(demo, server, options, output, interrupt);
    });
    for (const line of ['', ...summaryLines(summary)]) output.say(line);
    keepLog = !summary.ok;
    return summary;
  } catch (error) {
    keepLog = !interrupt.aborted;
    throw error;
  } finally {
    output.close();
    await resources.disposeAsync();
    if (keepLog && existsSync(workspace.logFile)) output.say(`The log is kept in ${workspace.logFile}`);
    else workspace.remove();
  }
}

/** Runs the work; if it fails because the server has ended, rejects with that. */
async function explained<T>(server: ServerProcess, work: () => Promise<T>): Promise<T> {
  try {
    return await Promise.race([work(), server.failure()]);
  } catch (error) {
    await Promise.race([server.failure(), sleep(exitNoticeMs)]);
    throw error;
  }
}

async function load(
  demo: RunningDemo,
  server: ServerProcess,
  options: DemoRunOptions,
  output: DemoOutput,
  interrupt: AbortSignal,
): Promise<DemoSummary> {
  const { producer, counting, viewing, mysqlCommand } = demo;
  const present = await loadedBefore(demo, output, interrupt);
  const userIdSumBefore = await counting.sumUserIds();
  const monitor = new LoadMonitor(counting, viewing, present);
  output.say('');
  output.begin([`Try it by hand:  ${mysqlCommand}`, 'Ctrl-C ends the demo']);

  const generating = new AbortController();
  const watching = new AbortController();
  const generator = produceEvents(producer, {
    rate: options.rate,
    count: Infinity,
    signal: generating.signal,
    onCreated: (ends) => monitor.eventsCreated(ends),
  });
  const watcher = monitor.watch(watching.signal);
  const failure = Promise.race([server.failure(), rejectionOf(generator), rejectionOf(watcher)]);
  const finish = async (): Promise<DemoSummary> => {
    await showUntilEnd(monitor, viewing, endMsOf(options), output, interrupt);
    output.say('\nThe generator stops; waiting for the rest to be loaded');
    generating.abort();
    await generator;
    await drain(monitor, producer.offsets);
    watching.abort();
    await watcher;
    const produced = await producer.fetchEndOffsets();
    const othersWrote = sum(produced) !== sum(producer.offsets);
    return summarize({
      loadedBefore: present,
      produced,
      loaded: await counting.countRows(produced.length),
      userIdSumProduced: othersWrote ? undefined : producer.userIdSum,
      userIdSumLoaded: (await counting.sumUserIds()) - userIdSumBefore,
      loadSeconds: monitor.loadSeconds,
      readySeconds: demo.readySeconds,
      freshness: monitor.freshness.total,
      eventCounts: await viewing.countEvents(),
    });
  };
  try {
    return await Promise.race([finish(), failure]);
  } finally {
    generating.abort();
    watching.abort();
  }
}

/** Rows of earlier runs on the same data, when all of them are visible. */
async function loadedBefore(
  { producer, counting }: RunningDemo,
  output: DemoOutput,
  interrupt: AbortSignal,
): Promise<readonly number[]> {
  const { offsets } = producer;
  if (sum(offsets) === 0) return offsets.map(() => 0);
  output.say(`  loading what earlier runs left in the topic`);
  for (;;) {
    const rows = await counting.countRows(offsets.length);
    if (reached(rows, offsets)) return rows;
    await sleep(drainPollMs, interrupt);
  }
}

async function showUntilEnd(
  monitor: LoadMonitor,
  database: AdtechDatabase,
  endMs: number,
  output: DemoOutput,
  interrupt: AbortSignal,
): Promise<void> {
  let nextMs = performance.now();
  while (!interrupt.aborted && performance.now() < endMs) {
    nextMs = Math.max(nextMs + refreshMs, performance.now());
    const waitMs = Math.min(nextMs, endMs) - performance.now();
    await sleep(Math.max(0, waitMs), interrupt).catch(() => undefined);
    output.show(await monitor.snapshot());
    await checkPipeline(database);
  }
}

/** Throws PIPELINE_STATE when the pipeline has given up. */
async function checkPipeline(database: AdtechDatabase): Promise<void> {
  if ((await database.pipelineState()) !== 'Error') return;
  const reason = (await database.pipelineError()) ?? 'see information_schema.PIPELINES_ERRORS';
  throw new MillraceError('PIPELINE_STATE', `pipeline events_pipe has stopped with an error: ${reason}`);
}

/** Waits until every event is a visible row, or nothing has arrived for long. */
async function drain(monitor: LoadMonitor, ends: readonly number[]): Promise<void> {
  let rows = sum(monitor.loaded);
  let progressMs = performance.now();
  while (!reached(monitor.loaded, ends) && performance.now() - progressMs < drainPatienceMs) {
    await sleep(drainPollMs);
    if (sum(monitor.loaded) === rows) continue;
    rows = sum(monitor.loaded);
    progressMs = performance.now();
  }
}

function reached(rows: readonly number[], ends: readonly number[]): boolean {
  return ends.every((end, partition) => (rows[partition] ?? 0) >= end);
}

function endMsOf({ seconds }: DemoRunOptions): number {
  if (seconds === undefined) return Infinity;
  // The clock of `performance` starts with the process.
  return Math.max(seconds * 1000, performance.now() + loadMsMin);
}

/** Rejects when the work does, and never resolves. */
function rejectionOf(work: Promise<unknown>): Promise<never> {
  return work.then(() => new Promise<never>(() => {}));
}
