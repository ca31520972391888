import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { fsyncPath } from '@millrace/engine/parquet';
import { MillraceError } from '@millrace/errors/millrace-error';
import { fileErrorOf } from '@millrace/runtime/file-error';
import type { DataLayout } from '../data-layout.ts';
import { type PartitionId, referenceOrdinal } from '../schema/table-definition.ts';
import { decodeRedoRecord, encodeRedoRecord, type RedoRecord } from './operation.ts';

export interface StagedSlice {
  readonly bytes: bigint;
  readonly crc32: number;
}

/** What a transaction has in the staging area. */
export interface StagedTransaction {
  readonly transactionId: bigint;
  readonly redoRecords: readonly RedoRecord[];
  readonly modifiedMs: number;
}

const partSuffix = '.part';
/** A directory in which a file appears while it is being removed is not empty; then it is tried again. */
const whileWritten = { maxRetries: 5, retryDelay: 20 };

/**
 * The files of undecided transactions. Every write is complete or absent: data goes to a `.part` file, is synced, and
 * only then gets its name. Throws DISK_FULL or STORE_CORRUPT for what the file system reports.
 */
export class StagingArea {
  readonly #layout: DataLayout;

  constructor(layout: DataLayout) {
    this.#layout = layout;
  }

  /** The path of a slice. `slice` must be `[a-z0-9-]`: it becomes a file name. */
  slicePath(transactionId: bigint, slice: string): string {
    if (!/^[a-z0-9-]{1,200}$/.test(slice)) {
      throw new MillraceError('INTERNAL', `slice name ${JSON.stringify(slice)} is not of the form [a-z0-9-]`);
    }
    return join(this.#layout.transaction(transactionId), `${slice}.parquet`);
  }

  /** Writes a slice durably. A slice of the same name is replaced: a sender that lost the answer sends it again. */
  async writeSlice(
    transactionId: bigint,
    slice: string,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<StagedSlice> {
    let bytes = 0n;
    let checksum = 0;
    await this.#writeDurably(transactionId, this.slicePath(transactionId, slice), async (file) => {
      for await (const chunk of chunks) {
        checksum = crc32(chunk, checksum);
        bytes += BigInt(chunk.byteLength);
        await file.writeFile(chunk);
      }
    });
    return { bytes, crc32: checksum };
  }

  async writeRedo(record: RedoRecord): Promise<void> {
    const path = this.#redoPath(record.transactionId, record.partition);
    await this.#writeDurably(record.transactionId, path, async (file) => {
      await file.writeFile(encodeRedoRecord(record));
    });
  }

  async removeRedo(transactionId: bigint, partition: PartitionId): Promise<void> {
    await rm(this.#redoPath(transactionId, partition), { force: true });
  }

  /** Removes everything of a transaction, also while a slice that comes late is being written. */
  async removeTransaction(transactionId: bigint): Promise<void> {
    await rm(this.#layout.transaction(transactionId), { recursive: true, force: true, ...whileWritten });
  }

  /** The transactions that have files, with their redo records. */
  async transactions(): Promise<StagedTransaction[]> {
    await mkdir(this.#layout.staging, { recursive: true });
    const found: StagedTransaction[] = [];
    for (const name of await readdir(this.#layout.staging)) {
      if (!/^\d+$/.test(name)) continue;
      const transaction = await this.#readTransaction(BigInt(name)).catch(ignoreMissing);
      if (transaction !== undefined) found.push(transaction);
    }
    return found;
  }

  async #readTransaction(transactionId: bigint): Promise<StagedTransaction> {
    const directory = this.#layout.transaction(transactionId);
    const { mtimeMs } = await stat(directory);
    const redoRecords: RedoRecord[] = [];
    for (const name of await readdir(directory)) {
      if (!name.startsWith('redo-') || name.endsWith(partSuffix)) continue;
      const path = join(directory, name);
      try {
        redoRecords.push(decodeRedoRecord(await readFile(path, 'utf8')));
      } catch (error) {
        throw new MillraceError('STORE_CORRUPT', `redo record ${path} cannot be read`, { cause: error });
      }
    }
    return { transactionId, redoRecords, modifiedMs: mtimeMs };
  }

  #redoPath(transactionId: bigint, { databaseId, ordinal }: PartitionId): string {
    const partition = ordinal === referenceOrdinal ? 'reference' : ordinal;
    return join(this.#layout.transaction(transactionId), `redo-${databaseId}-${partition}.json`);
  }

  async #writeDurably(
    transactionId: bigint,
    path: string,
    write: (file: FileHandle) => Promise<void>,
  ): Promise<void> {
    const directory = this.#layout.transaction(transactionId);
    const partPath = `${path}${partSuffix}`;
    try {
      const created = await mkdir(directory, { recursive: true });
      const file = await open(partPath, 'w');
      try {
        await write(file);
        await file.datasync();
      } finally {
        await file.close();
      }
      await rename(partPath, path);
      await fsyncPath(directory);
      if (created !== undefined) await fsyncPath(this.#layout.staging);
    } catch (error) {
      await rm(partPath, { force: true }).catch(() => undefined);
      throw fileErrorOf(error, `staging ${path}`);
    }
  }
}

function ignoreMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}
