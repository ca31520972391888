import { adtechColumns } from '@millrace/testkit/adtech-events';
import type { StorageKind } from './options.ts';

type AdtechColumn = (typeof adtechColumns)[number];

/** The types the table has in Millrace and in a plain DuckDB. */
const types = {
  user_id: ['INT', 'INTEGER'],
  event_name: ['VARCHAR(128)', 'VARCHAR'],
  advertiser: ['VARCHAR(128)', 'VARCHAR'],
  campaign: ['SMALLINT', 'SMALLINT'],
  gender: ['VARCHAR(16)', 'VARCHAR'],
  income: ['VARCHAR(32)', 'VARCHAR'],
  page_url: ['VARCHAR(256)', 'VARCHAR'],
  region: ['VARCHAR(64)', 'VARCHAR'],
  country: ['VARCHAR(64)', 'VARCHAR'],
} as const satisfies Record<AdtechColumn, readonly [string, string]>;

const engineColumns = adtechColumns.map((column) => [column, types[column][1]] as const);

export const databasePartitions = 4;

/** Columns of events that only one benchmark has come after those of the demo. */
export function createTableSql(table: string, storage: StorageKind, more: readonly string[] = []): string {
  const columns = adtechColumns.map((column) => `${column} ${types[column][0]}`);
  const kind = storage === 'columnstore' ? 'COLUMNSTORE TABLE' : 'TABLE';
  return `CREATE ${kind} ${table} (${[...columns, ...more, 'SHARD KEY (user_id)'].join(', ')})`;
}

export function createPipelineSql(
  pipeline: string,
  source: string,
  table: string,
  more: readonly string[] = [],
): string {
  const mapping = [...adtechColumns, ...more].map((column) => `${column} <- ${column}`).join(', ');
  return `CREATE PIPELINE ${pipeline} AS LOAD DATA KAFKA '${source}' INTO TABLE ${table} FORMAT JSON (${mapping})`;
}

/** The same table in a plain DuckDB. */
export function engineTableSql(table: string): string {
  return `CREATE TABLE ${table} (${engineColumns.map((column) => column.join(' ')).join(', ')})`;
}

/** A table function that reads events from a file of lines. */
export function engineReadSql(ndjsonFile: string): string {
  const columns = engineColumns.map(([name, type]) => `${name}: '${type}'`).join(', ');
  return `read_json('${ndjsonFile}', format = 'newline_delimited', columns = {${columns}})`;
}
