import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { comparableRows } from '@millrace/testkit/query-oracle/comparable-rows';
import { Dice } from '@millrace/testkit/query-oracle/dice';
import { RandomQueries } from '@millrace/testkit/query-oracle/random-query';
import { type RandomTable, randomSchema } from '@millrace/testkit/query-oracle/random-schema';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SqlClient } from '../support/sql-client.ts';
import { type Standalone, startStandalone } from '../support/standalone.ts';

/**
 * Random tables and queries through the MySQL protocol of a whole cluster, against one plain DuckDB that holds the same
 * rows. The planner's own oracle test runs thousands of them; this one proves that the way through leaves and wire keeps
 * the answers. A failure names its seed.
 */
const schemas = 3;
const queriesPerSchema = 60;
const firstSeed = 20_260_500;

const duckdbTypes = 'id INTEGER, k INTEGER, b BIGINT, s VARCHAR, n DECIMAL(10,2), v DOUBLE, d DATE';

describe('a cluster against one DuckDB', () => {
  let server: Standalone;
  let plain: DuckDBConnection;

  beforeAll(async () => {
    server = await startStandalone();
    plain = await (await DuckDBInstance.create(':memory:')).connect();
  });

  afterAll(async () => {
    plain?.closeSync();
    await server?.[Symbol.asyncDispose]();
  });

  it.each(Array.from({ length: schemas }, (_unused, at) => firstSeed + at))('schema %i', async (seed) => {
    const dice = new Dice(seed);
    const tables = randomSchema(dice);
    const database = `oracle_${seed}`;
    await using client = await server.connect();
    await client.run(`CREATE DATABASE ${database} PARTITIONS 4`, `USE ${database}`);
    await plain.run(`CREATE SCHEMA ${database}`);
    for (const table of tables) await createTable(client, database, table);
    const queries = new RandomQueries(dice, tables, `${database}.`);
    for (let count = 0; count < queriesPerSchema; count += 1) {
      const query = queries.next();
      const where = `seed ${seed}\n${query.mysql}\n${query.duckdb}`;
      const expected = (await plain.runAndReadAll(query.duckdb)).getRowsJson();
      const actual = await client.rows(query.mysql).catch((error: unknown) => {
        throw new Error(where, { cause: error });
      });
      expect(comparableRows(actual, query), where).toEqual(comparableRows(expected, query));
    }
    await client.run(`DROP DATABASE ${database}`);
  });

  async function createTable(client: SqlClient, database: string, table: RandomTable): Promise<void> {
    await client.run(table.ddl);
    await plain.run(`CREATE TABLE ${database}.${table.name} (${duckdbTypes})`);
    if (table.rows.length === 0) return;
    const values = table.rows.join(', ');
    await client.run(`INSERT INTO ${table.name} VALUES ${values}`);
    await plain.run(`INSERT INTO ${database}.${table.name} VALUES ${values}`);
  }
});
