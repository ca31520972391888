import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { MillraceError } from '@millrace/errors/millrace-error';
import { migrations } from './schema.ts';

/** A row as SQLite gives it: integers are bigint throughout. */
export type Row = Readonly<Record<string, null | bigint | number | string | Uint8Array>>;

/**
 * The SQLite file of the catalog: WAL, full sync, one writer (this process). A transaction that returns has reached the
 * disk. Statements are prepared once.
 */
export class CatalogDatabase {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #depth = 0;

  /** Opens or creates the file and brings it to the newest version. Throws STORE_CORRUPT when that is impossible. */
  constructor(path: string) {
    try {
      this.#db = new DatabaseSync(path);
      this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;');
      this.#migrate();
    } catch (error) {
      if (error instanceof MillraceError) throw error;
      throw new MillraceError('STORE_CORRUPT', `cannot open the catalog ${path}`, { cause: error });
    }
  }

  #migrate(): void {
    const version = Number(this.get('PRAGMA user_version')?.['user_version'] ?? 0n);
    if (version > migrations.length) {
      throw new MillraceError(
        'CLUSTER_MISMATCH',
        `the catalog has version ${version}, this program knows up to ${migrations.length}`,
      );
    }
    for (let next = version; next < migrations.length; next += 1) {
      this.transaction(() => {
        this.#db.exec(migrations[next] ?? '');
        this.#db.exec(`PRAGMA user_version = ${next + 1}`);
      });
    }
  }

  /**
   * Runs `work` in one transaction: all of it is durable when this returns, none of it when it throws. Inside another one
   * it becomes part of that: to catch what an inner one throws would keep half of its writes.
   */
  transaction<T>(work: () => T): T {
    if (this.#depth > 0) return work();
    this.#db.exec('BEGIN IMMEDIATE');
    this.#depth += 1;
    try {
      const result = work();
      this.#db.exec('COMMIT');
      return result;
    } catch (error) {
      // SQLite has already rolled back by itself after some errors, a full disk among them.
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw diskFullOr(error);
    } finally {
      this.#depth -= 1;
    }
  }

  run(sql: string, ...parameters: SQLInputValue[]): { changes: bigint; lastInsertRowid: bigint } {
    try {
      const { changes, lastInsertRowid } = this.#statement(sql).run(...parameters);
      return { changes: BigInt(changes), lastInsertRowid: BigInt(lastInsertRowid) };
    } catch (error) {
      throw diskFullOr(error);
    }
  }

  get(sql: string, ...parameters: SQLInputValue[]): Row | undefined {
    return this.#statement(sql).get(...parameters);
  }

  all(sql: string, ...parameters: SQLInputValue[]): Row[] {
    return this.#statement(sql).all(...parameters);
  }

  close(): void {
    this.#statements.clear();
    this.#db.close();
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      statement.setReadBigInts(true);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

const sqliteFull = 13;

function diskFullOr(error: unknown): unknown {
  if (error instanceof Error && 'errcode' in error && error.errcode === sqliteFull) {
    return new MillraceError('DISK_FULL', 'the disk of the aggregator is full', { cause: error });
  }
  return error;
}

/** Reads a column that the schema guarantees to be an integer. */
export function integerAt(row: Row, column: string): bigint {
  const value = row[column];
  if (typeof value !== 'bigint')
    throw new MillraceError('STORE_CORRUPT', `catalog column ${column} is not an integer`);
  return value;
}

export function numberAt(row: Row, column: string): number {
  return Number(row[column]);
}

export function textAt(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== 'string')
    throw new MillraceError('STORE_CORRUPT', `catalog column ${column} is not text`);
  return value;
}

export function integerOrNullAt(row: Row, column: string): bigint | null {
  return row[column] === null ? null : integerAt(row, column);
}

export function numberOrNullAt(row: Row, column: string): number | null {
  return row[column] === null ? null : numberAt(row, column);
}

export function textOrNullAt(row: Row, column: string): string | null {
  return row[column] === null ? null : textAt(row, column);
}
