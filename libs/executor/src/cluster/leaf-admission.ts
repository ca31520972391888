import type { CatalogStore } from '@millrace/catalog/catalog-store';
import { retry, sleep } from '@millrace/runtime/backoff';
import type { Logger } from '@millrace/runtime/logger';
import type { LeafClient, LeafSchema } from '../leaves/leaf-port.ts';
import type { TransactionOutcome } from '../transactions/transaction-state.ts';

const pendingPollMs = 20;

/**
 * Brings a leaf that has connected up to date: databases dropped meanwhile go, schemas are applied, prepared transactions
 * get their outcome. Then it may serve. Tries again until it works or the leaf is gone.
 */
export class LeafAdmission {
  readonly #catalog: CatalogStore;
  readonly #resolve: (transactionId: bigint) => TransactionOutcome;
  readonly #logger: Logger;

  constructor(catalog: CatalogStore, resolve: (transactionId: bigint) => TransactionOutcome, logger: Logger) {
    this.#catalog = catalog;
    this.#resolve = resolve;
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
    const { databaseIds } = await leaf.status(signal);
    for (const id of schema.droppedDatabaseIds()) {
      if (databaseIds.has(id)) await leaf.dropDatabase(id, signal);
    }
    for (const { name } of schema.databases()) {
      const wanted = leafSchemaOf(this.#catalog, name, leaf.leafId);
      if (wanted !== undefined) await leaf.applySchema(wanted, signal);
    }
    for (const transactionId of prepared) await this.#settle(leaf, transactionId, signal);
    // What the leaf did not name it asks about by itself; nobody may read around a commit that it has not applied.
    while ((await leaf.status(signal)).unresolvedTransactions > 0) await sleep(pendingPollMs, signal);
  }

  async #settle(leaf: LeafClient, transactionId: bigint, signal: AbortSignal): Promise<void> {
    const outcome = this.#resolve(transactionId);
    if (outcome === 'pending') {
      // Its coordinator still works on it and tells the leaf itself.
      while (this.#resolve(transactionId) === 'pending') await sleep(pendingPollMs, signal);
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
