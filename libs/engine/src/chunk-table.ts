import type { DuckDBAppender, DuckDBDataChunk } from '@duckdb/node-api';
import { duckdbTypeOf } from '@millrace/values/duckdb-type-of';
import type { SqlType } from '@millrace/values/sql-type';
import { engineErrorOf } from './duckdb-error.ts';
import type { EngineConnection } from './duckdb-instance.ts';
import { quoteIdentifier } from './sql-text.ts';

/** DDL of a temporary table whose columns have exactly the types that store `columns`. */
export function createTemporaryTable(
  name: string,
  columns: readonly { readonly name: string; readonly type: SqlType }[],
): string {
  const definitions = columns.map((column) => `${quoteIdentifier(column.name)} ${duckdbTypeOf(column.type)}`);
  return `CREATE TEMP TABLE ${quoteIdentifier(name)} (${definitions.join(', ')})`;
}

/**
 * Appends chunks to a temporary table without touching their values. No statement may run on the connection meanwhile,
 * and `finish` or `discard` must follow.
 */
export class ChunkAppender {
  readonly #appender: DuckDBAppender;

  private constructor(appender: DuckDBAppender) {
    this.#appender = appender;
  }

  static async open(connection: EngineConnection, temporaryTable: string): Promise<ChunkAppender> {
    try {
      return new ChunkAppender(await connection.native.createAppender(temporaryTable, 'main', 'temp'));
    } catch (error) {
      throw engineErrorOf(error);
    }
  }

  append(chunk: DuckDBDataChunk): void {
    try {
      this.#appender.appendDataChunk(chunk);
    } catch (error) {
      throw engineErrorOf(error);
    }
  }

  /** Makes the appended rows visible. */
  finish(): void {
    try {
      this.#appender.closeSync();
    } catch (error) {
      throw engineErrorOf(error);
    }
  }
}
