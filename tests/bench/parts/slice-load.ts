/**
 * What a leaf must do at least for a rowstore table: read Parquet slices into the tables of its partitions' files, one
 * transaction a slice. Making the slices is not measured.
 */
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { databasePartitions, engineReadSql, engineTableSql } from '../adtech-schema.ts';
import { measurePart, partInput } from './measure-part.ts';

const { ndjsonFile, directory, sliceRows } = partInput('slice-load');
const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
const connection = await instance.connect();
await connection.run(`CREATE TABLE loaded AS SELECT * FROM ${engineReadSql(ndjsonFile)}`);
const counted = await connection.runAndReadAll('SELECT COUNT(*) FROM loaded');
const rowCount = Number(counted.value(0, 0));
const slices: string[] = [];
for (let start = 0; start < rowCount; start += sliceRows) {
  const file = join(directory, `slice-${slices.length}.parquet`);
  const rows = `SELECT * FROM loaded WHERE rowid >= ${start} AND rowid < ${start + sliceRows}`;
  await connection.run(`COPY (${rows}) TO '${file}' (FORMAT parquet)`);
  slices.push(file);
}
await connection.run('DROP TABLE loaded');
for (let partition = 0; partition < databasePartitions; partition += 1) {
  await connection.run(`ATTACH '${join(directory, `part-${partition}.duckdb`)}' AS p${partition}`);
  await connection.run(engineTableSql(`p${partition}.events`));
}
await measurePart(async () => {
  let rows = 0;
  for (const [index, slice] of slices.entries()) {
    const table = `p${index % databasePartitions}.events`;
    const { rowsChanged } = await connection.run(
      `INSERT INTO ${table} SELECT * FROM read_parquet('${slice}')`,
    );
    rows += rowsChanged;
  }
  for (let partition = 0; partition < databasePartitions; partition += 1)
    await connection.run(`CHECKPOINT p${partition}`);
  return rows;
});
connection.closeSync();
instance.closeSync();
