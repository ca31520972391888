import { setTimeout as sleep } from 'node:timers/promises';
import { pipelineErrors, pipelineState } from '../support/pipelines.ts';
import type { SqlClient } from '../support/sql-client.ts';
import { createPipelineSql, createTableSql, databasePartitions } from './adtech-schema.ts';
import type { StorageKind } from './options.ts';

/** A count costs CPU time that is measured with the load, so it is asked for rarely while the end is far. */
const pollMsMin = 50;
const pollMsMax = 1_000;
/** A run without a new row for this long has failed. */
const stuckMsMax = 60_000;

export interface LoadOptions {
  /** Gets the table `events`. */
  readonly database: string;
  readonly storage: StorageKind;
  /** `host:port/topic`. */
  readonly source: string;
  readonly rows: number;
  readonly onProgress: (rows: number) => void;
}

export const pipelineName = 'events_pipe';

/** Makes the database with an empty table `events` and a pipeline that is not started, and uses it. */
export async function createEvents(
  client: SqlClient,
  { database, storage, source }: LoadOptions,
): Promise<void> {
  await client.run(
    `CREATE DATABASE ${database} PARTITIONS ${databasePartitions}`,
    `USE ${database}`,
    createTableSql('events', storage),
    createPipelineSql(pipelineName, source, 'events'),
  );
}

/** Starts the pipeline and waits until a SELECT counts all rows. Throws if the pipeline fails or stands still. */
export async function loadEvents(client: SqlClient, options: LoadOptions): Promise<void> {
  const startMs = performance.now();
  await client.run(`START PIPELINE ${pipelineName}`);
  let last = 0;
  let lastMs = startMs;
  for (;;) {
    const count = Number(await client.value('SELECT COUNT(*) FROM events'));
    if (count === options.rows) return;
    if (count > options.rows) throw new Error(`the table has ${count} rows of ${options.rows}`);
    if (count > last) lastMs = performance.now();
    else if (
      performance.now() - lastMs > stuckMsMax ||
      (await pipelineState(client, pipelineName)) === 'Error'
    ) {
      throw await loadFailure(client, count);
    }
    last = count;
    options.onProgress(count);
    await sleep(pauseMs(count, options.rows, performance.now() - startMs));
  }
}

/** Half of the time that the rest will take at the rate so far. */
function pauseMs(count: number, rows: number, elapsedMs: number): number {
  const restMs = count === 0 ? elapsedMs : ((rows - count) * elapsedMs) / count;
  return Math.min(pollMsMax, Math.max(pollMsMin, restMs / 2));
}

async function loadFailure(client: SqlClient, count: number): Promise<Error> {
  const errors = await pipelineErrors(client, pipelineName);
  const state = await pipelineState(client, pipelineName);
  const messages = errors.slice(-3).map(({ message }) => message);
  return new Error(`the pipeline is ${state} after ${count} rows: ${messages.join('; ')}`);
}
