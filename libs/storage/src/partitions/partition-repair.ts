import type { Engine } from '@millrace/engine/duckdb-instance';
import { retry } from '@millrace/runtime/backoff';
import type { Logger } from '@millrace/runtime/logger';
import { formatPartitionId } from '../schema/table-definition.ts';
import type { Partition } from './partition.ts';

const delayMsMin = 50;
const delayMsMax = 5_000;

/**
 * Brings back partitions whose file the engine gave up after a failed write: attaches them again, which replays the log.
 * Reads then go on; writes do once there is space.
 */
export class PartitionRepair {
  readonly #engine: Engine;
  readonly #logger: Logger;
  readonly #suspend: (partition: Partition) => Promise<void>;
  readonly #repairs = new Map<Partition, Promise<void>>();
  readonly #stop = new AbortController();

  /** `suspend` ends the engine transactions that are open on a partition: they hold its file. */
  constructor(engine: Engine, logger: Logger, suspend: (partition: Partition) => Promise<void>) {
    this.#engine = engine;
    this.#logger = logger;
    this.#suspend = suspend;
  }

  schedule(partition: Partition): void {
    if (this.#repairs.has(partition) || this.#stop.signal.aborted) return;
    const repair = this.#repair(partition)
      .catch((error: unknown) => {
        this.#logger.error('a partition cannot be attached again', {
          partition: formatPartitionId(partition.id),
          error,
        });
      })
      .finally(() => this.#repairs.delete(partition));
    this.#repairs.set(partition, repair);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#repairs.values());
  }

  async #repair(partition: Partition): Promise<void> {
    this.#logger.warn('attaching a partition again after a failed write', {
      partition: formatPartitionId(partition.id),
    });
    const connection = await this.#engine.connect();
    const { signal } = this.#stop;
    try {
      await retry(
        { attemptsMax: Number.POSITIVE_INFINITY, delayMsMin, delayMsMax, signal, isRetryable: () => true },
        async () => {
          await this.#suspend(partition);
          await partition.reattach(connection);
        },
      );
    } finally {
      connection.close();
    }
  }
}
