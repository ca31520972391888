import { existsSync } from 'node:fs';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { partitionFileIn } from './partitions/partition-file.ts';
import { type PartitionId, referenceOrdinal } from './schema/table-definition.ts';

/**
 * Where a leaf keeps what:
 *
 * ```text
 * databases/<database id>/<ordinal>/partition.db            the DuckDB file (and its .wal)
 * databases/<database id>/<ordinal>/segments/<table id>/    columnstore segments, <sequence>.parquet
 * staging/<transaction id>/<slice>.parquet                  slices of undecided transactions
 * staging/<transaction id>/redo-<database id>-<ordinal>.json
 * results/                                                  Parquet results on their way to a reader
 * ```
 */
export class DataLayout {
  readonly databases: string;
  readonly staging: string;
  readonly results: string;

  constructor(dataDir: string) {
    this.databases = join(dataDir, 'databases');
    this.staging = join(dataDir, 'staging');
    this.results = join(dataDir, 'results');
  }

  database(databaseId: bigint): string {
    return join(this.databases, databaseId.toString());
  }

  partition({ databaseId, ordinal }: PartitionId): string {
    return join(this.database(databaseId), ordinal === referenceOrdinal ? 'reference' : ordinal.toString());
  }

  transaction(transactionId: bigint): string {
    return join(this.staging, transactionId.toString());
  }

  /** The DuckDB file of a partition. */
  partitionFile(id: PartitionId): string {
    return partitionFileIn(this.partition(id));
  }

  /** The partitions that have a file. A directory without one is a partition that was never finished, or is lost. */
  async partitions(): Promise<PartitionId[]> {
    const found: PartitionId[] = [];
    for (const database of await directoriesIn(this.databases)) {
      if (!/^\d+$/.test(database)) continue;
      for (const name of await directoriesIn(join(this.databases, database))) {
        const ordinal =
          name === 'reference' ? referenceOrdinal : /^\d+$/.test(name) ? Number(name) : undefined;
        if (ordinal === undefined) continue;
        const id = { databaseId: BigInt(database), ordinal };
        if (existsSync(this.partitionFile(id))) found.push(id);
      }
    }
    return found;
  }
}

async function directoriesIn(directory: string): Promise<string[]> {
  await mkdir(directory, { recursive: true });
  const entries = await readdir(directory, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

/** Bytes of all files below a directory; files that vanish meanwhile count nothing. */
export async function directoryBytes(directory: string): Promise<bigint> {
  let total = 0n;
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const size = await stat(join(entry.parentPath, entry.name)).then(
      (found) => found.size,
      () => 0,
    );
    total += BigInt(size);
  }
  return total;
}
