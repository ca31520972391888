import type { CatalogStore } from '@millrace/catalog/catalog-store';
import { isMillraceError } from '@millrace/errors/millrace-error';
import type { Logger } from '@millrace/runtime/logger';
import type { Leaves } from '../leaves/leaf-port.ts';
import { applyLeafSchema, leafSchemaOf } from './leaf-admission.ts';

/**
 * Tells leaves about changes of the catalog. The catalog is changed first and is the truth: a leaf that is away gets the
 * change when it registers, so a crash between the two loses nothing.
 */
export class SchemaDistribution {
  readonly #catalog: CatalogStore;
  readonly #leaves: Leaves;
  readonly #logger: Logger;
  readonly #underWay = new Set<Promise<unknown>>();

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
    await this.#onEach(this.leafIdsOf(databaseName), async (leafId) => {
      const schema = leafSchemaOf(this.#catalog, databaseName, leafId);
      if (schema !== undefined)
        await applyLeafSchema(this.#catalog, this.#leaves.connected(leafId), schema, signal);
    });
  }

  async drop(databaseId: bigint, leafIds: readonly string[], signal: AbortSignal): Promise<void> {
    await this.#onEach(leafIds, (leafId) => this.#leaves.connected(leafId).dropDatabase(databaseId, signal));
  }

  /** Resolves when the changes now on their way have reached the leaves or failed. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }

  async #onEach(leafIds: readonly string[], work: (leafId: string) => Promise<void>): Promise<void> {
    const change = Promise.all(leafIds.map((leafId) => this.#unlessAway(leafId, work)));
    this.#underWay.add(change);
    try {
      await change;
    } finally {
      this.#underWay.delete(change);
    }
  }

  async #unlessAway(leafId: string, work: (leafId: string) => Promise<void>): Promise<void> {
    try {
      await work(leafId);
    } catch (error) {
      if (!isMillraceError(error, 'LEAF_UNAVAILABLE')) throw error;
      this.#logger.warn('leaf is away, it gets the schema when it returns', { leafId });
    }
  }
}
