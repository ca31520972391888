import type { EngineConnection } from '@millrace/engine/duckdb-instance';
import { quoteQualifiedName } from '@millrace/engine/sql-text';
import type { RowCounts } from '../transactions/operation.ts';

/**
 * How many applied transactions a partition remembers. An id is needed until its redo record is gone (then nothing can
 * apply it again) and, for one-phase transactions, as long as their caller may repeat the call.
 */
const rememberedMax = 10_000;
const pruneBatch = 1_000;

function appliedTable(alias: string): string {
  return quoteQualifiedName(alias, 'millrace', 'applied');
}

export function appliedDefinition(alias: string): string {
  return `CREATE TABLE IF NOT EXISTS ${appliedTable(alias)}
    (transaction_id UBIGINT NOT NULL, affected_rows UBIGINT NOT NULL, skipped_rows UBIGINT NOT NULL)`;
}

export async function readApplied(connection: EngineConnection, alias: string): Promise<AppliedTransactions> {
  const sql = `SELECT transaction_id, affected_rows, skipped_rows FROM ${appliedTable(alias)} ORDER BY rowid`;
  const applied = new Map<bigint, RowCounts>();
  for (const [transactionId, affectedRows, skippedRows] of await connection.rows(sql)) {
    applied.set(BigInt(String(transactionId)), {
      affectedRows: BigInt(String(affectedRows)),
      skippedRows: BigInt(String(skippedRows)),
    });
  }
  return new AppliedTransactions(alias, applied);
}

/** The transactions that a partition has applied lately: in the partition's file, and the same in memory. */
export class AppliedTransactions {
  readonly #table: string;
  /** In the order in which they were applied. */
  readonly #applied: Map<bigint, RowCounts>;
  #pruning = false;

  constructor(alias: string, applied: Map<bigint, RowCounts>) {
    this.#table = appliedTable(alias);
    this.#applied = applied;
  }

  get(transactionId: bigint): RowCounts | undefined {
    return this.#applied.get(transactionId);
  }

  /** Writes the record in the open transaction of `connection`. */
  async record(connection: EngineConnection, transactionId: bigint, counts: RowCounts): Promise<void> {
    const { affectedRows, skippedRows } = counts;
    await connection.run(
      `INSERT INTO ${this.#table} VALUES (${transactionId}, ${affectedRows}, ${skippedRows})`,
    );
  }

  /** To be called after the commit of a transaction that recorded. */
  committed(transactionId: bigint, counts: RowCounts): void {
    this.#applied.set(transactionId, counts);
  }

  /** Whether enough have gathered for {@link prune}. */
  get isFull(): boolean {
    return this.#applied.size >= rememberedMax + pruneBatch;
  }

  /**
   * Forgets the oldest records beyond the remembered number. Safe at any time; runs in a transaction of its own, and does
   * nothing while another runs: two would delete the same rows, which the engine refuses.
   */
  async prune(connection: EngineConnection): Promise<void> {
    if (this.#pruning) return;
    this.#pruning = true;
    try {
      const forgotten = [...this.#applied.keys()].slice(0, Math.max(0, this.#applied.size - rememberedMax));
      if (forgotten.length === 0) return;
      await connection.run(`DELETE FROM ${this.#table} WHERE transaction_id IN (${forgotten.join(', ')})`);
      for (const transactionId of forgotten) this.#applied.delete(transactionId);
    } finally {
      this.#pruning = false;
    }
  }
}
