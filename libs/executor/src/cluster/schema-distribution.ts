import type { CatalogStore } from '@millrace/catalog/catalog-store';
import { isMillraceError, MillraceError } from '@millrace/errors/millrace-error';
import { isReportedAttempt, retry } from '@millrace/runtime/backoff';
import type { Logger } from '@millrace/runtime/logger';
import type { Leaves } from '../leaves/leaf-port.ts';
import { applyLeafSchema, leafSchemaOf } from './leaf-admission.ts';

/** Of a change that a leaf did not take, in ms. */
const repeatDelayMs = { delayMsMin: 100, delayMsMax: 5_000 } as const;

/** Brings one leaf to the catalog's state of one database. */
type Change = (leafId: string, signal: AbortSignal) => Promise<void>;

/**
 * Tells leaves about changes of the catalog. The catalog is changed first and is the truth: a leaf that is away gets the
 * change when it registers, so a crash between the two loses nothing; one that refuses it (its disk is full), or whose
 * statement was killed, is told again until it takes it, since no statement of the database works with it before.
 */
export class SchemaDistribution {
  readonly #catalog: CatalogStore;
  readonly #leaves: Leaves;
  readonly #logger: Logger;
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #repeating = new Map<string, Promise<void>>();
  readonly #stopped = new AbortController();

  constructor(catalog: CatalogStore, leaves: Leaves, logger: Logger) {
    this.#catalog = catalog;
    this.#leaves = leaves;
    this.#logger = logger;
  }

  /** The leaves that hold partitions of a database, in order of their first partition. */
  leafIdsOf(databaseName: string): string[] {
    return [...new Set(this.#catalog.schema.partitions(databaseName).map(({ leafId }) => leafId))];
  }

  /** Brings the leaves of a database to its current schema. Rejects with a leaf's refusal; a leaf that is away is left out. */
  async apply(databaseName: string, signal: AbortSignal): Promise<void> {
    const change: Change = async (leafId, until) => {
      const schema = leafSchemaOf(this.#catalog, databaseName, leafId);
      if (schema !== undefined)
        await applyLeafSchema(this.#catalog, this.#leaves.connected(leafId), schema, until);
    };
    await this.#onEach(`schema of ${databaseName}`, this.leafIdsOf(databaseName), change, signal);
  }

  async drop(databaseId: bigint, leafIds: readonly string[], signal: AbortSignal): Promise<void> {
    const change: Change = (leafId, until) => this.#leaves.connected(leafId).dropDatabase(databaseId, until);
    await this.#onEach(`end of database ${databaseId}`, leafIds, change, signal);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all(this.#repeating.values());
  }

  /** Resolves when the changes now on their way have reached the leaves or failed. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }

  async #onEach(
    what: string,
    leafIds: readonly string[],
    change: Change,
    signal: AbortSignal,
  ): Promise<void> {
    const told = Promise.all(leafIds.map((leafId) => this.#tell(what, leafId, change, signal)));
    this.#underWay.add(told);
    try {
      await told;
    } finally {
      this.#underWay.delete(told);
    }
  }

  async #tell(what: string, leafId: string, change: Change, signal: AbortSignal): Promise<void> {
    try {
      await change(leafId, signal);
    } catch (error) {
      if (isMillraceError(error, 'LEAF_UNAVAILABLE')) {
        this.#logger.warn('leaf is away, it gets the schema when it returns', { leafId });
        return;
      }
      this.#repeat(what, leafId, change);
      if (signal.aborted || !isMillraceError(error)) throw error;
      throw new MillraceError(error.code, error.message, {
        detail: `the change is made, and leaf ${leafId} gets it as soon as it can`,
        cause: error,
      });
    }
  }

  /** One of a kind at a time is enough: each brings the newest state. */
  #repeat(what: string, leafId: string, change: Change): void {
    const key = `${leafId} ${what}`;
    const { signal } = this.#stopped;
    if (this.#repeating.has(key) || signal.aborted) return;
    const repeated = retry(
      {
        ...repeatDelayMs,
        attemptsMax: Number.POSITIVE_INFINITY,
        signal,
        isRetryable: (error) => !isMillraceError(error, 'LEAF_UNAVAILABLE'),
        onRetry: (error, attempt) => {
          if (isReportedAttempt(attempt))
            this.#logger.warn('leaf does not take a change of the schema', { leafId, what, attempt, error });
        },
      },
      () => change(leafId, signal),
    )
      // Away: it gets the schema when it returns.
      .catch(() => undefined)
      .finally(() => this.#repeating.delete(key));
    this.#repeating.set(key, repeated);
  }
}
