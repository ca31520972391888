/** The yardstick: one plain DuckDB thread loads a file of events into a table in a file, checkpoint included. */
import { DuckDBInstance } from '@duckdb/node-api';
import { engineReadSql, engineTableSql } from '../adtech-schema.ts';
import { measurePart, partInput } from './measure-part.ts';

const { ndjsonFile, databaseFile } = partInput('duckdb-load');
await measurePart(async () => {
  const instance = await DuckDBInstance.create(databaseFile, { threads: '1' });
  const connection = await instance.connect();
  await connection.run(engineTableSql('events'));
  const { rowsChanged } = await connection.run(
    `INSERT INTO events SELECT * FROM ${engineReadSql(ndjsonFile)}`,
  );
  await connection.run('CHECKPOINT');
  connection.closeSync();
  instance.closeSync();
  return rowsChanged;
});
