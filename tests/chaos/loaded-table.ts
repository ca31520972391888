import { expect } from 'vitest';
import { eventFacts, eventsBetween, expectedFacts } from '../support/events.ts';
import { pipelineState, untilRows } from '../support/pipelines.ts';
import type { SqlClient } from '../support/sql-client.ts';
import { type IdDifferences, idDifferences } from './id-ledger.ts';

/**
 * Waits until a table has events 0 … `count` − 1, and expects that it has each once, as it was produced, and that its
 * pipeline, `TABLE_pipe`, is running.
 */
export async function expectLoadedOnce(
  client: SqlClient,
  { table, count, timeoutMs }: { readonly table: string; readonly count: number; readonly timeoutMs: number },
): Promise<void> {
  const pipeline = `${table}_pipe`;
  await untilRows(client, table, count, pipeline, timeoutMs).catch(async (error: unknown) => {
    throw new Error(`${String(error)}\n${table}: ${JSON.stringify(await differences(client, table, count))}`);
  });
  expect(await differences(client, table, count), table).toEqual({ missing: [], doubled: [], strange: [] });
  expect(await eventFacts(client, table)).toEqual(expectedFacts(eventsBetween(0, count)));
  expect(await pipelineState(client, pipeline)).toBe('Running');
}

async function differences(client: SqlClient, table: string, count: number): Promise<IdDifferences> {
  const rows = await client.rows(`SELECT id FROM ${table}`);
  return idDifferences(
    rows.map(([id]) => Number(id)),
    count,
  );
}
