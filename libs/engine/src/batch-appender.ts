import { BIGINT, BLOB, DOUBLE, DuckDBDataChunk, type DuckDBType, UBIGINT, VARCHAR } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import type { ColumnBatch, ColumnVector } from '@millrace/values/column-batch';
import { duckdbTypeOf } from '@millrace/values/duckdb-type-of';
import type { PhysicalKind, SqlType } from '@millrace/values/sql-type';
import { physicalKindOf } from '@millrace/values/sql-type';
import { engineErrorOf } from './duckdb-error.ts';
import type { EngineConnection } from './duckdb-instance.ts';
import { duckdbPhysicalTypeOf } from './duckdb-type.ts';
import { quoteIdentifier } from './sql-text.ts';

const chunkRowsMax = 2048;

const physicalTypes: Record<PhysicalKind, DuckDBType> = {
  int64: BIGINT,
  uint64: UBIGINT,
  double: DOUBLE,
  text: VARCHAR,
  blob: BLOB,
};

/**
 * Creates a temporary table `name` on this connection and fills it with batches. Its columns have the physical types of
 * the values (BIGINT, UBIGINT, DOUBLE, VARCHAR, BLOB); read them through {@link typedColumnExpression}.
 */
export async function loadBatches(
  connection: EngineConnection,
  name: string,
  columns: readonly { readonly name: string; readonly type: SqlType }[],
  batches: AsyncIterable<ColumnBatch> | Iterable<ColumnBatch>,
): Promise<void> {
  const definitions = columns.map(
    (column) => `${quoteIdentifier(column.name)} ${duckdbPhysicalTypeOf(physicalKindOf(column.type))}`,
  );
  await connection.run(`CREATE TEMP TABLE ${quoteIdentifier(name)} (${definitions.join(', ')})`);
  await appendBatches(connection, name, batches);
}

/** The expression that turns a column of a {@link loadBatches} table into its SQL type's DuckDB type. */
export function typedColumnExpression(type: SqlType, expression: string): string {
  const stored = duckdbTypeOf(type);
  return stored === duckdbPhysicalTypeOf(physicalKindOf(type))
    ? expression
    : `CAST(${expression} AS ${stored})`;
}

/**
 * Appends batches to a temporary table whose columns have the physical types of the batches. Values pass through
 * JavaScript, so this is for small row sets; large ones travel as Parquet.
 */
export async function appendBatches(
  connection: EngineConnection,
  temporaryTable: string,
  batches: AsyncIterable<ColumnBatch> | Iterable<ColumnBatch>,
): Promise<void> {
  try {
    const appender = await connection.native.createAppender(temporaryTable, 'main', 'temp');
    try {
      for await (const batch of batches) {
        for (let start = 0; start < batch.rowCount; start += chunkRowsMax) {
          appender.appendDataChunk(chunkOf(batch, start, Math.min(start + chunkRowsMax, batch.rowCount)));
        }
      }
      appender.flushSync();
    } finally {
      appender.closeSync();
    }
  } catch (error) {
    throw engineErrorOf(error);
  }
}

/** Rows `start` to `end` (exclusive, at most 2,048 of them) of a batch as a DuckDB chunk of the physical types. */
export function chunkOf(batch: ColumnBatch, start: number, end: number): DuckDBDataChunk {
  const chunk = DuckDBDataChunk.create(
    batch.columns.map(({ kind }) => physicalTypes[kind]),
    end - start,
  );
  batch.columns.forEach((vector, column) => {
    writeVector(duckdb.data_chunk_get_vector(chunk.chunk, column), vector, start, end);
  });
  return chunk;
}

function writeVector(target: duckdb.Vector, vector: ColumnVector, start: number, end: number): void {
  switch (vector.kind) {
    case 'int64':
    case 'uint64':
    case 'double': {
      const values = vector.values.slice(start, end);
      duckdb.copy_data_to_vector(target, 0, values.buffer, 0, values.byteLength);
      break;
    }
    case 'text':
      for (let row = start; row < end; row += 1) {
        // By length: a text may contain NUL.
        duckdb.vector_assign_string_element_len(
          target,
          row - start,
          Buffer.from(vector.values[row] ?? '', 'utf8'),
        );
      }
      break;
    case 'blob':
      for (let row = start; row < end; row += 1) {
        duckdb.vector_assign_string_element_len(target, row - start, vector.values[row] ?? new Uint8Array(0));
      }
      break;
  }
  if (vector.nulls !== undefined) writeValidity(target, vector.nulls, start, end);
}

function writeValidity(target: duckdb.Vector, nulls: Uint8Array, start: number, end: number): void {
  const bits = new Uint8Array(Math.ceil((end - start) / 64) * 8).fill(0xff);
  for (let row = start; row < end; row += 1) {
    if (nulls[row] !== 1) continue;
    const bit = row - start;
    bits[bit >> 3] = (bits[bit >> 3] ?? 0) & ~(1 << (bit & 7));
  }
  duckdb.vector_ensure_validity_writable(target);
  duckdb.copy_data_to_vector_validity(target, 0, bits.buffer, 0, bits.byteLength);
}
