import type { ColumnBatch, ColumnVector, ResultColumn } from '@millrace/values/column-batch';
import { physicalKindOf, type SqlType } from '@millrace/values/sql-type';

/** A vector of a batch made ready for encoding, with its type and, for integers, its 32-bit halves. */
export interface BoundColumn {
  readonly type: SqlType;
  readonly vector: ColumnVector;
  readonly nulls: Uint8Array | undefined;
  /** The values of an integer vector as pairs of words, so that reading one makes no bigint. Empty for other kinds. */
  readonly words: Int32Array;
}

/** Index of the low word within a pair; the other one is at `1 - lowWord`. */
export const lowWord = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 0 : 1;

const noWords = new Int32Array(0);

/**
 * Pairs the columns of a result with the vectors of a batch.
 *
 * @throws TypeError when they do not match, which is a bug of whoever made the batch
 */
export function bindColumns(columns: readonly ResultColumn[], batch: ColumnBatch): BoundColumn[] {
  if (batch.columns.length !== columns.length) {
    throw new TypeError(`a batch has ${batch.columns.length} vectors for ${columns.length} columns`);
  }
  return columns.map((column, index) => {
    const vector = batch.columns[index];
    const kind = physicalKindOf(column.type);
    if (vector === undefined || vector.kind !== kind) {
      throw new TypeError(`column '${column.name}' has a vector of kind ${vector?.kind}, expected ${kind}`);
    }
    if (vector.values.length < batch.rowCount) {
      throw new TypeError(`column '${column.name}' has ${vector.values.length} of ${batch.rowCount} values`);
    }
    return { type: column.type, vector, nulls: vector.nulls, words: wordsOf(vector) };
  });
}

function wordsOf(vector: ColumnVector): Int32Array {
  if (vector.kind !== 'int64' && vector.kind !== 'uint64') return noWords;
  return new Int32Array(vector.values.buffer, vector.values.byteOffset, 2 * vector.values.length);
}
