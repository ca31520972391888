import type { TableDefinition } from '@millrace/catalog/definitions';
import { checkedValueExpression } from '@millrace/engine/duckdb-type';
import { type PartitionFile, writeParquet, writePartitionedParquet } from '@millrace/engine/parquet';
import { partitionExpression } from '@millrace/engine/shard-hash';
import { quoteIdentifier } from '@millrace/engine/sql-text';
import type { ScalarValue } from '@millrace/values/column-batch';
import { join } from 'node:path';
import type { MergeWorkspace } from '../queries/merge-engine.ts';
import type { AutoIncrement } from './auto-increment.ts';

const ordinalColumn = 'millrace partition';
/** Keyless statements of fewer rows go to one partition. */
const spreadRowsMin = 10_000;

export interface SplitRows {
  /** One Parquet file per partition that gets rows; none when there are no rows. */
  readonly files: readonly PartitionFile[];
  readonly rowCount: number;
  /** The first AUTO_INCREMENT value that was generated. */
  readonly firstGenerated: bigint | undefined;
}

export interface SplitOptions {
  readonly table: TableDefinition;
  readonly partitionCount: number;
  /** The partition that takes a small keyless statement. */
  readonly keylessOrdinal: number;
  readonly autoIncrement: AutoIncrement;
  readonly signal: AbortSignal;
}

/**
 * Checks rows against their table, numbers them, and splits them into one Parquet file per partition. `sql` reads every
 * column of the table under its name in the workspace. For a reference table there is one file, of partition -1.
 */
export async function splitRows(
  workspace: MergeWorkspace,
  sql: string,
  options: SplitOptions,
): Promise<SplitRows> {
  const { table, signal } = options;
  await workspace.addTable('rows', `SELECT ${checkedColumns(table).join(', ')} FROM (${sql}) AS source`, signal);
  const firstGenerated = await generateNumbers(workspace, options);
  const rowCount = Number(await single(workspace, 'SELECT count(*) FROM rows', signal));
  if (rowCount === 0) return { files: [], rowCount, firstGenerated };
  const ordinal = ordinalExpression(options, rowCount);
  const ordinals = /^-?\d+$/.test(ordinal)
    ? [BigInt(ordinal)]
    : (await workspace.connection.rows(`SELECT DISTINCT ${ordinal} FROM rows LIMIT 2`, { signal })).map(([only]) => only);
  return { files: await writeFiles(workspace, ordinal, ordinals, signal), rowCount, firstGenerated };
}

async function writeFiles(
  workspace: MergeWorkspace,
  ordinal: string,
  ordinals: readonly (ScalarValue | undefined)[],
  signal: AbortSignal,
): Promise<PartitionFile[]> {
  const directory = await workspace.directory();
  const [first] = ordinals;
  if (ordinals.length === 1) {
    const path = join(directory, 'slice.parquet');
    await writeParquet(workspace.connection, 'SELECT * FROM rows', path, { signal });
    return [{ partition: Number(first), path }];
  }
  const query = `SELECT *, ${ordinal} AS ${quoteIdentifier(ordinalColumn)} FROM rows`;
  return writePartitionedParquet(workspace.connection, query, join(directory, 'slices'), ordinalColumn, { signal });
}

function checkedColumns(table: TableDefinition): string[] {
  return table.columns.map((column) => {
    const quoted = quoteIdentifier(column.name);
    // NULL stands for a number to come, also in a NOT NULL column.
    const nullable = column.nullable || column.autoIncrement === true;
    return `${checkedValueExpression({ ...column, nullable }, quoted)} AS ${quoted}`;
  });
}

function ordinalExpression({ table, partitionCount, keylessOrdinal }: SplitOptions, rowCount: number): string {
  if (table.reference) return '-1';
  if (partitionCount === 1) return '0';
  if (table.shardKey.length === 0) {
    return rowCount < spreadRowsMin ? String(keylessOrdinal) : `CAST(rowid % ${partitionCount} AS INTEGER)`;
  }
  const key = table.shardKey.flatMap((name) => {
    const column = table.columns.find((each) => each.name === name);
    return column === undefined ? [] : [{ type: column.type, expression: quoteIdentifier(name) }];
  });
  return partitionExpression(key, partitionCount);
}

async function generateNumbers(
  workspace: MergeWorkspace,
  { table, autoIncrement, signal }: SplitOptions,
): Promise<bigint | undefined> {
  const column = table.columns.find((each) => each.autoIncrement === true);
  if (column === undefined) return undefined;
  const name = quoteIdentifier(column.name);
  // As in MySQL, NULL and 0 both ask for a number.
  const asks = `(${name} IS NULL OR ${name} = 0)`;
  const counts = `SELECT count(*) FILTER (${asks}), CAST(max(${name}) AS BIGINT) FROM rows`;
  const [[missing, highest] = []] = await workspace.connection.rows(counts, { signal });
  if (typeof highest === 'bigint' && highest > 0n) autoIncrement.keepAbove(table, highest);
  if (typeof missing !== 'bigint' || missing === 0n) return undefined;
  const first = autoIncrement.take(table, missing);
  await workspace.connection.run(
    `UPDATE rows SET ${name} = numbered.number FROM (
       SELECT rowid AS id, ${first} + row_number() OVER (ORDER BY rowid) - 1 AS number FROM rows WHERE ${asks}
     ) AS numbered WHERE rows.rowid = numbered.id`,
    [],
    signal,
  );
  return first;
}

async function single(workspace: MergeWorkspace, sql: string, signal: AbortSignal): Promise<ScalarValue> {
  const [[value] = []] = await workspace.connection.rows(sql, { signal });
  return value ?? null;
}
