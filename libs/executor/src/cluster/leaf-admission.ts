import type { CatalogStore } from '@millrace/catalog/catalog-store';
import { retry, sleep } from '@millrace/runtime/backoff';
import type { Logger } from '@millrace/runtime/logger';
import type { LeafClient, LeafSchema } from '../leaves/leaf-port.ts';
import type { TransactionOutcome } from '../transactions/transaction-state.ts';

/** What the coordinator knows of transactions. */
export interface TransactionOutcomes {
  resolve(transactionId: bigint): TransactionOutcome;
  /** Commits that a leaf may not have applied. */
  undelivered(leafId: string): readonly bigint[];
}

const pendingPollMs = 20;

/**
 * Brings a leaf that has connected up to date: databases dropped meanwhile go, schemas are applied, prepared transactions
 * get their outcome. Then it may serve. Tries again until it works or the leaf is gone.
 */
export class LeafAdmission {
  readonly #catalog: CatalogStore;
  readonly #outcomes: TransactionOutcomes;
  readonly #logger: Logger;

  constructor(catalog: CatalogStore, outcomes: TransactionOutcomes, logger: Logger) {
    this.#catalog = catalog;
    this.#outcomes = outcomes;
    this.#logger = logger;
  }

  async admit(leaf: LeafClient, prepared: readonly bigint[], signal: AbortSignal): Promise<void> {
    await retry(
      {
        attemptsMax: Number.POSITIVE_INFINITY,
        delayMsMin: 100,
        delayMsMax: 2_000,
        signal,
        isRetryable: () => true,
        onRetry: (error) => this.#logger.warn('leaf is not ready yet', { leafId: leaf.leafId, error }),
      },
      () => this.#attempt(leaf, prepared, signal),
    );
  }

  async #attempt(leaf: LeafClient, prepared: readonly bigint[], signal: AbortSignal): Promise<void> {
    const { schema } = this.#catalog;
    const held = await leaf.heldDatabases(signal);
    for (const id of schema.droppedDatabaseIds()) {
      if (held.has(id)) await leaf.dropDatabase(id, signal);
    }
    for (const { name } of schema.databases()) {
      const wanted = leafSchemaOf(this.#catalog, name, leaf.leafId);
      if (wanted !== undefined) await leaf.applySchema(wanted, signal);
    }
    // Nobody may read around a commit that the leaf has not applied.
    for (const transactionId of this.#outcomes.undelivered(leaf.leafId)) {
      await leaf.decide(transactionId, 'commit', signal);
    }
    for (const transactionId of prepared) await this.#settle(leaf, transactionId, signal);
  }

  async #settle(leaf: LeafClient, transactionId: bigint, signal: AbortSignal): Promise<void> {
    const outcome = this.#outcomes.resolve(transactionId);
    if (outcome === 'pending') {
      // Its coordinator still works on it and tells the leaf itself.
      while (this.#outcomes.resolve(transactionId) === 'pending') await sleep(pendingPollMs, signal);
      return;
    }
    await leaf.decide(transactionId, outcome === 'committed' ? 'commit' : 'abort', signal);
  }
}

/** What one leaf must hold of a database; undefined when it holds none of its partitions. */
export function leafSchemaOf(
  catalog: CatalogStore,
  databaseName: string,
  leafId: string,
): LeafSchema | undefined {
  const { schema } = catalog;
  const database = schema.database(databaseName);
  const ordinals = schema
    .partitions(databaseName)
    .filter((partition) => partition.leafId === leafId)
    .map(({ ordinal }) => ordinal);
  if (database === undefined || ordinals.length === 0) return undefined;
  return {
    databaseId: database.id,
    databaseName,
    schemaVersion: database.schemaVersion,
    ordinals,
    tables: schema.tables(databaseName),
  };
}
