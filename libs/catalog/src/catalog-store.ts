import { CatalogDatabase } from './store/database.ts';
import { DecisionStore } from './store/decision-store.ts';
import { PipelineStore } from './store/pipeline-store.ts';
import { SchemaStore } from './store/schema-store.ts';

/**
 * The aggregator's durable state in one SQLite file. Every method is synchronous; what it wrote has reached the disk
 * when it returns. `transaction` joins several writes: all or none of them happen.
 */
export class CatalogStore {
  readonly schema: SchemaStore;
  readonly decisions: DecisionStore;
  readonly pipelines: PipelineStore;
  readonly #db: CatalogDatabase;

  /** `path` is a file, or `:memory:` for tests. Throws STORE_CORRUPT or CLUSTER_MISMATCH. */
  constructor(path: string) {
    this.#db = new CatalogDatabase(path);
    this.schema = new SchemaStore(this.#db);
    this.decisions = new DecisionStore(this.#db);
    this.pipelines = new PipelineStore(this.#db);
  }

  /**
   * Runs `work` in one transaction. Do not change databases or tables inside: the schema store keeps a copy in memory
   * that a later rollback would not undo.
   */
  transaction<T>(work: () => T): T {
    return this.#db.transaction(work);
  }

  close(): void {
    this.#db.close();
  }
}
