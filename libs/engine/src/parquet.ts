import { mkdir, open, readdir, rename } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { EngineConnection } from './duckdb-instance.ts';
import { quoteIdentifier, quoteLiteral, quoteLiteralList } from './sql-text.ts';

export interface ParquetOptions {
  /** Snappy by default: it costs little more than none. */
  readonly compression?: 'uncompressed' | 'snappy' | 'lz4_raw' | 'zstd';
  readonly rowGroupRows?: number;
  readonly signal?: AbortSignal;
}

function copyOptions({ compression = 'snappy', rowGroupRows }: ParquetOptions): string {
  const rowGroup = rowGroupRows === undefined ? '' : `, ROW_GROUP_SIZE ${rowGroupRows}`;
  return `FORMAT parquet, COMPRESSION ${compression}${rowGroup}`;
}

/** Writes the rows of a query to one Parquet file, which is not synced; returns the number of rows. */
export async function writeParquet(
  connection: EngineConnection,
  query: string,
  path: string,
  options: ParquetOptions = {},
): Promise<number> {
  return connection.run(
    `COPY (${query}) TO ${quoteLiteral(path)} (${copyOptions(options)})`,
    [],
    options.signal,
  );
}

/** One file of {@link writePartitionedParquet}. */
export interface PartitionFile {
  readonly partition: number;
  readonly path: string;
}

/**
 * Writes the rows of a query to one Parquet file per value of the integer column `partitionColumn`, which is left out of
 * the files. `directory` must not exist or be empty. Partitions without rows have no file.
 */
export async function writePartitionedParquet(
  connection: EngineConnection,
  query: string,
  directory: string,
  partitionColumn: string,
  options: ParquetOptions = {},
): Promise<PartitionFile[]> {
  const partitionBy = `PARTITION_BY (${quoteIdentifier(partitionColumn)}), FILENAME_PATTERN 'slice_{i}'`;
  const target = `COPY (${query}) TO ${quoteLiteral(directory)} (${copyOptions(options)}, ${partitionBy})`;
  await connection.run(target, [], options.signal);
  const files: PartitionFile[] = [];
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    const partition = /=(-?\d+)$/.exec(entry.parentPath)?.[1];
    if (!entry.isFile() || partition === undefined) continue;
    files.push({ partition: Number(partition), path: join(entry.parentPath, entry.name) });
  }
  return files.sort((left, right) => left.partition - right.partition);
}

/** A FROM item that reads Parquet files as one table; columns are matched by the names of the first
 * file's, which every file must have. `paths` must not be empty. */
export function readParquetExpression(paths: readonly string[]): string {
  return `read_parquet(${quoteLiteralList(paths)}, hive_partitioning = false)`;
}

/** Makes the content of a file or the entries of a directory durable. */
export async function fsyncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes a directory, and those above it that do not exist, and their names durable. `sync` is for tests. */
export async function mkdirDurably(
  path: string,
  sync: (path: string) => Promise<void> = fsyncPath,
): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  if (first === undefined) return;
  for (let made = resolve(path); made.length >= resolve(first).length; made = dirname(made))
    await sync(dirname(made));
}

/** Renames a file and makes both the rename and, through the directory, its new name durable. */
export async function renameDurably(from: string, to: string, toDirectory: string): Promise<void> {
  await rename(from, to);
  await fsyncPath(toDirectory);
}
