import { stat } from 'node:fs/promises';
import { isDatabaseInvalidated } from '@millrace/engine/duckdb-error';
import type { Engine } from '@millrace/engine/duckdb-instance';
import { quoteIdentifier } from '@millrace/engine/sql-text';
import { isMillraceError } from '@millrace/errors/millrace-error';
import type { Logger } from '@millrace/runtime/logger';
import { formatPartitionId } from '../schema/table-definition.ts';
import type { Partition } from './partition.ts';
import { partitionGate } from './table-locks.ts';

export interface CheckpointerOptions {
  /** A write-ahead log of this size is moved into the database file. */
  readonly logBytesMax: number;
  /** How long a checkpoint waits for open transactions; writers wait behind it. */
  readonly lockWaitMs: number;
}

/** Writers of a partition stand still for about a quarter of a second per checkpoint of this size. */
export const defaultCheckpointerOptions: CheckpointerOptions = {
  logBytesMax: 16 * 1024 * 1024,
  lockWaitMs: 500,
};

/**
 * Moves the write-ahead logs of partitions into their files. The engine would do it inside a COMMIT: that commit then
 * takes long, and when the disk is full its rows are seen although they are not durable. Here a checkpoint happens
 * between transactions, after their commits are safe in the log.
 */
export class Checkpointer {
  readonly #engine: Engine;
  readonly #options: CheckpointerOptions;
  readonly #logger: Logger;
  readonly #invalidated: (partition: Partition) => void;
  readonly #due = new Set<Partition>();
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor(
    engine: Engine,
    options: CheckpointerOptions,
    logger: Logger,
    invalidated: (partition: Partition) => void,
  ) {
    this.#engine = engine;
    this.#options = options;
    this.#logger = logger;
    this.#invalidated = invalidated;
  }

  /** Looks at a partition's log soon. To be called after commits. */
  schedule(partition: Partition): void {
    if (this.#stop.signal.aborted) return;
    this.#due.add(partition);
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#due.clear();
    await this.#running;
  }

  async #run(): Promise<void> {
    for (;;) {
      const [partition] = this.#due;
      if (partition === undefined) return;
      this.#due.delete(partition);
      const logBytes = await stat(partition.logPath).then(
        ({ size }) => size,
        () => 0,
      );
      if (logBytes >= this.#options.logBytesMax) await this.#checkpoint(partition);
    }
  }

  async #checkpoint(partition: Partition): Promise<void> {
    const wait = { timeoutMs: this.#options.lockWaitMs, signal: this.#stop.signal };
    const connection = await this.#engine.connect();
    try {
      const release = await partition.locks.acquire(partitionGate, 'exclusive', wait);
      try {
        await connection.run(`CHECKPOINT ${quoteIdentifier(partition.alias)}`);
      } finally {
        release();
      }
    } catch (error) {
      // A busy partition is looked at again after its next commit.
      if (this.#stop.signal.aborted || isMillraceError(error, 'LOCK_TIMEOUT')) return;
      if (isDatabaseInvalidated(error)) this.#invalidated(partition);
      this.#logger.warn('checkpoint failed', { partition: formatPartitionId(partition.id), error });
    } finally {
      connection.close();
    }
  }
}
