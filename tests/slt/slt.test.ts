import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SqlClient } from '../support/sql-client.ts';
import { type Standalone, startStandalone } from '../support/standalone.ts';
import { formatRows, parseSlt, type SltRecord } from './slt-file.ts';

/** SQL behaviour as data: every file runs in a database of its own. `UPDATE_SLT=1` rewrites the expected rows. */
const folder = import.meta.dirname;
const update = process.env['UPDATE_SLT'] === '1';

describe('SQL logic files', () => {
  let server: Standalone;

  beforeAll(async () => {
    server = await startStandalone();
  });

  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  it.each(globSync('**/*.slt', { cwd: folder }).sort())('%s', async (file) => {
    const path = join(folder, file);
    const database = `slt_${basename(file, '.slt').replace(/\W/g, '_')}`;
    await using client = await server.connect();
    await client.run(`CREATE DATABASE ${database} PARTITIONS 4`, `USE ${database}`);
    const blocks = parseSlt(readFileSync(path, 'utf8'));
    const output: string[] = [];
    for (const { head, record } of blocks) {
      const actual = record === undefined ? undefined : await runRecord(client, record, file);
      output.push([...head, ...(actual === undefined ? [] : ['----', ...actual])].join('\n'));
    }
    if (update) writeFileSync(path, `${output.join('\n\n')}\n`);
    await client.run(`DROP DATABASE ${database}`);
  });
});

/** The rows of a query; undefined for a statement. Fails with file and line. */
async function runRecord(client: SqlClient, record: SltRecord, file: string): Promise<string[] | undefined> {
  const where = `${file}:${record.line}\n${record.sql}`;
  if (record.kind === 'query') {
    const actual = formatRows(await client.rows(record.sql).catch(withPlace(where)), record.rowsort);
    if (!update) expect(actual, where).toEqual(record.expected);
    return actual;
  }
  if (record.kind === 'statement') {
    await client.run(record.sql).catch(withPlace(where));
    return undefined;
  }
  const error: unknown = await client.run(record.sql).then(
    () => undefined,
    (caught: unknown) => caught,
  );
  expect(error, where).toMatchObject({ errno: record.number, message: expect.stringContaining(record.text) });
  return undefined;
}

function withPlace(where: string): (error: unknown) => never {
  return (error) => {
    throw new Error(`${where}\n${error instanceof Error ? error.message : String(error)}`, { cause: error });
  };
}
