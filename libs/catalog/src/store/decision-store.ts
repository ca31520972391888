import type { DecisionRecord } from '../definitions.ts';
import { type CatalogDatabase, integerAt, textAt } from './database.ts';

/**
 * Decisions of distributed transactions. Only commits are written; a transaction without a record is aborted
 * (presumed abort). A record goes once every participant has applied it.
 */
export class DecisionStore {
  readonly #db: CatalogDatabase;

  constructor(db: CatalogDatabase) {
    this.#db = db;
  }

  /** Call inside a catalog transaction together with whatever must become durable with the decision. */
  recordCommit(decision: DecisionRecord): void {
    this.#db.run(
      'INSERT INTO decisions (transaction_id, leaf_ids) VALUES (?, ?)',
      decision.transactionId,
      JSON.stringify(decision.leafIds),
    );
  }

  isCommitted(transactionId: bigint): boolean {
    return this.#db.get('SELECT 1 FROM decisions WHERE transaction_id = ?', transactionId) !== undefined;
  }

  /** Commits that some participant may not have applied, oldest first. */
  undelivered(): DecisionRecord[] {
    return this.#db.all('SELECT * FROM decisions ORDER BY transaction_id').map((row) => ({
      transactionId: integerAt(row, 'transaction_id'),
      leafIds: JSON.parse(textAt(row, 'leaf_ids')) as string[],
    }));
  }

  forget(transactionIds: readonly bigint[]): void {
    this.#db.transaction(() => {
      for (const id of transactionIds) this.#db.run('DELETE FROM decisions WHERE transaction_id = ?', id);
    });
  }
}
