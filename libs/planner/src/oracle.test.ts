import { parseStatement } from '@millrace/sql/parse';
import { comparableRows } from '@millrace/testkit/query-oracle/comparable-rows';
import { Dice } from '@millrace/testkit/query-oracle/dice';
import { RandomQueries, type RandomQuery } from '@millrace/testkit/query-oracle/random-query';
import { randomSchema } from '@millrace/testkit/query-oracle/random-schema';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { bindTableDefinition } from './create-table.ts';
import { planSelect } from './plan-statement.ts';
import { MiniCluster } from './testing/mini-cluster.ts';
import { testContext } from './testing/test-context.ts';

/**
 * Random tables and queries: the distributed plan of each must give what one plain DuckDB gives for an independently
 * written query over the same rows. A failure names its seed; `ORACLE_SEED=n` runs that schema alone.
 */
const schemas = 40;
const queriesPerSchema = 60;
const onlySeed = process.env['ORACLE_SEED'];
const firstSeed = 20_260_100;

describe('distributed plans against one DuckDB', () => {
  let cluster: MiniCluster;

  beforeAll(async () => {
    cluster = await MiniCluster.open(4);
  });

  afterEach(() => cluster.dropTables());

  afterAll(() => {
    cluster.close();
  });

  const seeds =
    onlySeed === undefined
      ? Array.from({ length: schemas }, (_unused, at) => firstSeed + at)
      : [Number(onlySeed)];

  it.each(seeds)('schema %i', async (seed) => {
    const dice = new Dice(seed);
    const tables = randomSchema(dice);
    const context = testContext({ catalog: cluster.catalog });
    for (const [at, table] of tables.entries()) {
      const { statement } = parseStatement(table.ddl);
      if (statement.kind !== 'createTable') throw new Error(table.ddl);
      await cluster.createTable(
        { ...bindTableDefinition(statement, context), id: BigInt(at + 1) },
        table.rows,
      );
    }
    const queries = new RandomQueries(dice, tables, 'plain.');
    for (let count = 0; count < queriesPerSchema; count += 1) await check(queries.next(), seed);
  });

  async function check(query: RandomQuery, seed: number): Promise<void> {
    const where = `seed ${seed}\n${query.mysql}\n${query.duckdb}`;
    const expected = await cluster.rows(query.duckdb).catch((error: unknown) => {
      throw new Error(`the reference query is wrong: ${where}`, { cause: error });
    });
    const actual = await plannedRows(query.mysql).catch((error: unknown) => {
      throw new Error(`${error instanceof Error ? error.message : String(error)}: ${where}`, {
        cause: error,
      });
    });
    expect(comparableRows(actual, query), where).toEqual(comparableRows(expected.rows, query));
  }

  async function plannedRows(sql: string): Promise<readonly (readonly unknown[])[]> {
    const { statement } = parseStatement(sql);
    if (statement.kind !== 'query') throw new Error(`not a query: ${sql}`);
    const plan = planSelect(statement, testContext({ catalog: cluster.catalog }));
    return (await cluster.execute(plan)).rows;
  }
});
