import { join } from 'node:path';
import type { TableDefinition } from '@millrace/catalog/definitions';
import { checkedValueExpression } from '@millrace/engine/duckdb-type';
import { type PartitionFile, writeParquet, writePartitionedParquet } from '@millrace/engine/parquet';
import { partitionExpression } from '@millrace/engine/shard-hash';
import { quoteIdentifier } from '@millrace/engine/sql-text';
import { duckdbTypeOf } from '@millrace/values/duckdb-type-of';
import { referenceOrdinal } from '../leaves/leaf-port.ts';
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
  await workspace.addTable(
    'rows',
    `SELECT ${checkedColumns(table).join(', ')} FROM (${sql}) AS source`,
    signal,
  );
  const firstGenerated = await generateNumbers(workspace, options);
  const counts = await countByPartition(workspace, options);
  const rowCount = counts.reduce((sum, { rows }) => sum + rows, 0);
  if (rowCount === 0) return { files: [], rowCount, firstGenerated };
  return { files: await writeFiles(workspace, counts, options, rowCount), rowCount, firstGenerated };
}

interface PartitionCount {
  readonly ordinal: number;
  readonly rows: number;
}

async function countByPartition(workspace: MergeWorkspace, options: SplitOptions): Promise<PartitionCount[]> {
  const ordinal = keyedOrdinal(options) ?? String(fixedOrdinal(options));
  const sql = `SELECT ${ordinal} AS ordinal, count(*) FROM rows GROUP BY 1`;
  const counts = await workspace.connection.rows(sql, { signal: options.signal });
  return counts.map(([partition, rows]) => ({ ordinal: Number(partition), rows: Number(rows) }));
}

async function writeFiles(
  workspace: MergeWorkspace,
  counts: readonly PartitionCount[],
  options: SplitOptions,
  rowCount: number,
): Promise<PartitionFile[]> {
  const { table, partitionCount, signal } = options;
  const directory = await workspace.directory();
  const isSpread = table.shardKey.length === 0 && !table.reference && rowCount >= spreadRowsMin;
  const [only] = counts;
  if (only !== undefined && counts.length === 1 && !isSpread) {
    const path = join(directory, 'slice.parquet');
    await writeParquet(workspace.connection, 'SELECT * FROM rows', path, { signal });
    return [{ partition: only.ordinal, path }];
  }
  const ordinal = keyedOrdinal(options) ?? `CAST(row_number() OVER () % ${partitionCount} AS INTEGER)`;
  const query = `SELECT *, ${ordinal} AS ${quoteIdentifier(ordinalColumn)} FROM rows`;
  return writePartitionedParquet(workspace.connection, query, join(directory, 'slices'), ordinalColumn, {
    signal,
  });
}

function checkedColumns(table: TableDefinition): string[] {
  return table.columns.map((column) => {
    const quoted = quoteIdentifier(column.name);
    // NULL stands for a number to come, also in a NOT NULL column.
    const nullable = column.nullable || column.autoIncrement === true;
    return `${checkedValueExpression({ ...column, nullable }, quoted)} AS ${quoted}`;
  });
}

/** The partition of rows that no key routes; large keyless statements are spread over all. */
function fixedOrdinal({ table, keylessOrdinal }: SplitOptions): number {
  return table.reference ? referenceOrdinal : keylessOrdinal;
}

/** The expression of a row's partition, when the table has a shard key. */
function keyedOrdinal({ table, partitionCount }: SplitOptions): string | undefined {
  if (table.reference || table.shardKey.length === 0) return undefined;
  const key = table.shardKey.flatMap((name) => {
    const column = table.columns.find((each) => each.name === name);
    return column === undefined ? [] : [{ type: column.type, expression: quoteIdentifier(name) }];
  });
  return partitionExpression(key, partitionCount);
}

/** Fills the AUTO_INCREMENT column where the rows ask for a number; returns the first number given. */
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
  const number = `${first - 1n} + count(*) FILTER (${asks}) OVER (ROWS UNBOUNDED PRECEDING)`;
  const filled = `CASE WHEN ${asks} THEN ${number} ELSE ${name} END`;
  await workspace.connection.run(
    `CREATE OR REPLACE TEMP TABLE rows AS SELECT * REPLACE (CAST(${filled} AS ${duckdbTypeOf(column.type)}) AS ${name}) FROM rows`,
    [],
    signal,
  );
  return first;
}
