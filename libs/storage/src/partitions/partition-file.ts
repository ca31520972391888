import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { EngineConnection } from '@millrace/engine/duckdb-instance';
import { fsyncPath, mkdirDurably, renameDurably } from '@millrace/engine/parquet';
import { quoteIdentifier, quoteLiteral } from '@millrace/engine/sql-text';

/** The DuckDB file of a partition in its directory. */
export function partitionFileIn(directory: string): string {
  return join(directory, 'partition.db');
}

/** The write-ahead log beside a partition's file. */
export function partitionLogIn(directory: string): string {
  return `${partitionFileIn(directory)}.wal`;
}

export async function attachPartitionFile(
  connection: EngineConnection,
  alias: string,
  directory: string,
): Promise<void> {
  await connection.run(attachStatement(partitionFileIn(directory), alias));
}

/**
 * Makes a partition's file if it does not exist: whole, or not at all. The engine writes a new file piece by piece; a
 * process that ended or a disk that was full in between would leave something that it never opens again.
 */
export async function createPartitionFile(
  connection: EngineConnection,
  alias: string,
  directory: string,
): Promise<void> {
  const path = partitionFileIn(directory);
  if (existsSync(path)) return;
  await mkdirDurably(directory);
  const newPath = `${path}.new`;
  const remove = async (): Promise<void> => {
    // A log without its file is what a partition left that was being removed.
    for (const name of [newPath, `${newPath}.wal`, partitionLogIn(directory)])
      await rm(name, { force: true });
  };
  await remove();
  try {
    await connection.run(attachStatement(newPath, alias));
    await connection.run(`DETACH ${quoteIdentifier(alias)}`);
    await fsyncPath(newPath);
    await renameDurably(newPath, path, directory);
  } catch (error) {
    await remove();
    throw error;
  }
}

/**
 * Removes a partition with everything beside its file. The file goes first: as long as it is there, the next start counts
 * on all that it lists.
 */
export async function removePartitionDirectory(directory: string): Promise<void> {
  await rm(partitionFileIn(directory), { force: true });
  await fsyncPath(directory);
  await rm(directory, { recursive: true, force: true });
}

/** Where the segments of a table are. */
export function segmentDirectoryIn(directory: string, tableId: bigint): string {
  return join(directory, 'segments', tableId.toString());
}

/** Removes the segments of tables that were dropped when the process ended. */
export async function removeOrphanSegments(directory: string, tableIds: ReadonlySet<bigint>): Promise<void> {
  const segments = join(directory, 'segments');
  if (!existsSync(segments)) return;
  for (const name of await readdir(segments)) {
    if (/^\d+$/.test(name) && !tableIds.has(BigInt(name)))
      await rm(join(segments, name), { recursive: true, force: true });
  }
}

function attachStatement(path: string, alias: string): string {
  return `ATTACH ${quoteLiteral(path)} AS ${quoteIdentifier(alias)}`;
}
