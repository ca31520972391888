import type { CatalogStore } from '@millrace/catalog/catalog-store';
import { isMillraceError, MillraceError } from '@millrace/errors/millrace-error';
import { isReportedAttempt, retry, sleep } from '@millrace/runtime/backoff';
import type { Logger } from '@millrace/runtime/logger';
import { type LeafClient, type LeafSchema, referenceOrdinal } from '../leaves/leaf-port.ts';
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
 * get their outcome. Then it may serve. Tries again until it works or the leaf is gone. Rejects with PARTITION_MISSING when
 * the leaf has lost what it held: to make it anew would turn lost rows into an empty partition.
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

  async admit(
    leaf: LeafClient,
    prepared: readonly bigint[],
    complete: () => void,
    signal: AbortSignal,
  ): Promise<void> {
    await retry(
      {
        attemptsMax: Number.POSITIVE_INFINITY,
        delayMsMin: 100,
        delayMsMax: 2_000,
        signal,
        isRetryable: (error) => !isMillraceError(error, 'PARTITION_MISSING'),
        onRetry: (error, attempt) => {
          if (isReportedAttempt(attempt))
            this.#logger.warn('leaf is not ready yet', { leafId: leaf.leafId, attempt, error });
        },
      },
      () => this.#attempt(leaf, prepared, complete, signal),
    );
  }

  async #attempt(
    leaf: LeafClient,
    prepared: readonly bigint[],
    complete: () => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { schema } = this.#catalog;
    const held = await leaf.heldPartitions(signal);
    this.#requireHeld(leaf, held);
    complete();
    for (const id of schema.droppedDatabaseIds()) {
      if (held.has(id)) await leaf.dropDatabase(id, signal);
    }
    for (const { name } of schema.databases()) {
      const wanted = leafSchemaOf(this.#catalog, name, leaf.leafId);
      if (wanted !== undefined) await applyLeafSchema(this.#catalog, leaf, wanted, signal);
    }
    // Nobody may read around a commit that the leaf has not applied.
    for (const transactionId of this.#outcomes.undelivered(leaf.leafId)) {
      await leaf.decide(transactionId, 'commit', signal);
    }
    for (const transactionId of prepared) await this.#settle(leaf, transactionId, signal);
  }

  #requireHeld(leaf: LeafClient, held: ReadonlyMap<bigint, ReadonlySet<number>>): void {
    const { schema } = this.#catalog;
    const missing = schema.databases().flatMap(({ id, name }) =>
      schema
        .heldPartitions(leaf.leafId, id)
        .filter((ordinal) => held.get(id)?.has(ordinal) !== true)
        .map((ordinal) =>
          ordinal === referenceOrdinal ? `${name} (reference tables)` : `${name}:${ordinal}`,
        ),
    );
    if (missing.length === 0) return;
    throw new MillraceError(
      'PARTITION_MISSING',
      `leaf ${leaf.leafId} (${leaf.address}) has lost partitions that it held: ${missing.join(', ')}`,
    );
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

/** Brings a leaf to a schema, and notes in the catalog what it holds from then on. */
export async function applyLeafSchema(
  catalog: CatalogStore,
  leaf: LeafClient,
  wanted: LeafSchema,
  signal: AbortSignal,
): Promise<void> {
  const { schema } = catalog;
  const { databaseId, databaseName, schemaVersion, tables } = wanted;
  const reference = tables.some((table) => table.reference) ? [referenceOrdinal] : [];
  const ordinals = [...wanted.ordinals, ...reference];
  // Nobody must miss what the leaf is about to drop, should this process end in between.
  const kept = schema.heldPartitions(leaf.leafId, databaseId).filter((ordinal) => ordinals.includes(ordinal));
  schema.saveHeldPartitions(leaf.leafId, databaseId, kept);
  await leaf.applySchema(wanted, signal);
  // After a newer change it is for that one to say.
  if (schema.database(databaseName)?.schemaVersion === schemaVersion)
    schema.saveHeldPartitions(leaf.leafId, databaseId, ordinals);
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
