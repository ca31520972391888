import { MillraceError } from '@millrace/errors/millrace-error';
import type {
  BatchPartitionRecord,
  BatchRecord,
  BatchState,
  PipelineCursor,
  PipelineErrorRecord,
  PipelineRecord,
  PipelineState,
} from '../definitions.ts';
import {
  type CatalogDatabase,
  integerAt,
  integerOrNullAt,
  numberAt,
  numberOrNullAt,
  type Row,
  textAt,
  textOrNullAt,
} from './database.ts';
import { fromJson, toJson } from './json.ts';

/** Pipelines: definitions, states, cursors, batches and errors. */
export class PipelineStore {
  readonly #db: CatalogDatabase;

  constructor(db: CatalogDatabase) {
    this.#db = db;
  }

  pipelines(): PipelineRecord[] {
    return this.#db.all('SELECT * FROM pipelines ORDER BY database_id, name').map(pipelineOf);
  }

  pipeline(databaseId: bigint, name: string): PipelineRecord | undefined {
    const row = this.#db.get('SELECT * FROM pipelines WHERE database_id = ? AND name = ?', databaseId, name);
    return row === undefined ? undefined : pipelineOf(row);
  }

  pipelineById(id: bigint): PipelineRecord | undefined {
    const row = this.#db.get('SELECT * FROM pipelines WHERE id = ?', id);
    return row === undefined ? undefined : pipelineOf(row);
  }

  /** Throws PIPELINE_EXISTS. */
  createPipeline(pipeline: PipelineRecord): void {
    if (this.pipeline(pipeline.databaseId, pipeline.name) !== undefined) {
      throw new MillraceError('PIPELINE_EXISTS', `pipeline '${pipeline.name}' exists`);
    }
    this.#db.run(
      `INSERT INTO pipelines (id, database_id, name, definition_sql, state, epoch, created_at, altered_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      pipeline.id,
      pipeline.databaseId,
      pipeline.name,
      pipeline.definitionSql,
      pipeline.state,
      pipeline.epoch,
      pipeline.createdAt,
      pipeline.alteredAt,
    );
  }

  setState(pipelineId: bigint, state: PipelineState): void {
    this.#db.run('UPDATE pipelines SET state = ?, foreground = 0 WHERE id = ?', state, pipelineId);
  }

  /** State Running, for as long as the session that started it waits. */
  setRunningInForeground(pipelineId: bigint): void {
    this.#db.run("UPDATE pipelines SET state = 'Running', foreground = 1 WHERE id = ?", pipelineId);
  }

  /** Pipelines whose sessions have gone with the process become Stopped. Call before anything runs. */
  stopForeground(): void {
    this.#db.run("UPDATE pipelines SET state = 'Stopped', foreground = 0 WHERE foreground = 1");
  }

  /** Stores a new definition or epoch. */
  alterPipeline(
    pipelineId: bigint,
    change: { definitionSql: string; epoch: bigint; alteredAt: number },
  ): void {
    this.#db.run(
      'UPDATE pipelines SET definition_sql = ?, epoch = ?, altered_at = ? WHERE id = ?',
      change.definitionSql,
      change.epoch,
      change.alteredAt,
      pipelineId,
    );
  }

  addSkipped(pipelineId: bigint, partitions: number): void {
    this.#db.run(
      'UPDATE pipelines SET skipped_batch_partitions = skipped_batch_partitions + ? WHERE id = ?',
      partitions,
      pipelineId,
    );
  }

  /** Deletes the pipeline with its cursors, batches and errors. */
  dropPipeline(pipelineId: bigint): void {
    this.#db.run('DELETE FROM pipelines WHERE id = ?', pipelineId);
  }

  cursors(pipelineId: bigint): PipelineCursor[] {
    return this.#db
      .all('SELECT * FROM pipeline_cursors WHERE pipeline_id = ?', pipelineId)
      .map(cursorOf)
      .sort((a, b) => a.sourcePartition.localeCompare(b.sourcePartition, 'en', { numeric: true }));
  }

  saveCursors(pipelineId: bigint, cursors: readonly PipelineCursor[]): void {
    this.#db.transaction(() => {
      for (const cursor of cursors) {
        this.#db.run(
          `INSERT OR REPLACE INTO pipeline_cursors
             (pipeline_id, source_partition, cursor_offset, successful_offset, earliest_offset, latest_offset, updated_at)
           VALUES (?, ?, ?, ?, ?, ?, ?)`,
          pipelineId,
          cursor.sourcePartition,
          cursor.cursorOffset,
          cursor.successfulOffset,
          cursor.earliestOffset,
          cursor.latestOffset,
          cursor.updatedAt,
        );
      }
    });
  }

  deleteCursors(pipelineId: bigint): void {
    this.#db.run('DELETE FROM pipeline_cursors WHERE pipeline_id = ?', pipelineId);
  }

  /** The newest batches first. */
  batches(pipelineId: bigint): BatchRecord[] {
    return this.#db
      .all('SELECT * FROM pipeline_batches WHERE pipeline_id = ? ORDER BY batch_id DESC', pipelineId)
      .map(batchOf);
  }

  lastBatch(pipelineId: bigint): BatchRecord | undefined {
    const row = this.#db.get(
      'SELECT * FROM pipeline_batches WHERE pipeline_id = ? ORDER BY batch_id DESC LIMIT 1',
      pipelineId,
    );
    return row === undefined ? undefined : batchOf(row);
  }

  /** Inserts or replaces a batch and forgets all but the newest `keep`. */
  saveBatch(batch: BatchRecord, keep: number): void {
    this.#db.transaction(() => {
      this.#db.run(
        `INSERT OR REPLACE INTO pipeline_batches
           (pipeline_id, batch_id, state, epoch, attempt, started_at, seconds, rows_written, partitions)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        batch.pipelineId,
        batch.batchId,
        batch.state,
        batch.epoch,
        batch.attempt,
        batch.startedAt,
        batch.seconds,
        batch.rowsWritten,
        toJson(batch.partitions),
      );
      this.#db.run(
        'DELETE FROM pipeline_batches WHERE pipeline_id = ? AND batch_id <= ?',
        batch.pipelineId,
        batch.batchId - BigInt(keep),
      );
    });
  }

  errors(pipelineId: bigint): PipelineErrorRecord[] {
    return this.#db
      .all('SELECT * FROM pipeline_errors WHERE pipeline_id = ? ORDER BY error_id', pipelineId)
      .map(errorOf);
  }

  /** The newest one, warnings left out. */
  lastError(pipelineId: bigint): PipelineErrorRecord | undefined {
    const row = this.#db.get(
      "SELECT * FROM pipeline_errors WHERE pipeline_id = ? AND type = 'Error' ORDER BY error_id DESC LIMIT 1",
      pipelineId,
    );
    return row === undefined ? undefined : errorOf(row);
  }

  /** Stores errors (their `errorId` is assigned here) and forgets all but the newest `keep` of the pipeline. */
  addErrors(errors: readonly Omit<PipelineErrorRecord, 'errorId'>[], keep: number): void {
    this.#db.transaction(() => {
      for (const error of errors) {
        this.#db.run(
          `INSERT INTO pipeline_errors
             (pipeline_id, at, type, code, message, kind, std_error, load_data_line, load_data_line_number, batch_id,
              source_partition, earliest_offset, latest_offset, host, port, partition)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
          error.pipelineId,
          error.at,
          error.type,
          error.code,
          error.message,
          error.kind,
          error.stdError,
          error.loadDataLine,
          error.loadDataLineNumber,
          error.batchId,
          error.sourcePartition,
          error.earliestOffset,
          error.latestOffset,
          error.host,
          error.port,
          error.partition,
        );
      }
      for (const pipelineId of new Set(errors.map((error) => error.pipelineId))) {
        this.#db.run(
          `DELETE FROM pipeline_errors WHERE pipeline_id = ?1 AND error_id <=
             (SELECT error_id FROM pipeline_errors WHERE pipeline_id = ?1 ORDER BY error_id DESC LIMIT 1 OFFSET ?2)`,
          pipelineId,
          keep,
        );
      }
    });
  }

  /** Forgets the stored errors of one pipeline, or of all. */
  clearErrors(pipelineId?: bigint): void {
    if (pipelineId === undefined) this.#db.run('DELETE FROM pipeline_errors');
    else this.#db.run('DELETE FROM pipeline_errors WHERE pipeline_id = ?', pipelineId);
  }
}

function pipelineOf(row: Row): PipelineRecord {
  return {
    id: integerAt(row, 'id'),
    databaseId: integerAt(row, 'database_id'),
    name: textAt(row, 'name'),
    definitionSql: textAt(row, 'definition_sql'),
    // Written by this class only, from the same type.
    state: textAt(row, 'state') as PipelineState,
    epoch: integerAt(row, 'epoch'),
    skippedBatchPartitions: numberAt(row, 'skipped_batch_partitions'),
    createdAt: numberAt(row, 'created_at'),
    alteredAt: numberAt(row, 'altered_at'),
  };
}

function cursorOf(row: Row): PipelineCursor {
  return {
    sourcePartition: textAt(row, 'source_partition'),
    cursorOffset: integerAt(row, 'cursor_offset'),
    successfulOffset: integerAt(row, 'successful_offset'),
    earliestOffset: integerOrNullAt(row, 'earliest_offset'),
    latestOffset: integerOrNullAt(row, 'latest_offset'),
    updatedAt: numberAt(row, 'updated_at'),
  };
}

function batchOf(row: Row): BatchRecord {
  return {
    pipelineId: integerAt(row, 'pipeline_id'),
    batchId: integerAt(row, 'batch_id'),
    state: textAt(row, 'state') as BatchState,
    epoch: integerAt(row, 'epoch'),
    attempt: numberAt(row, 'attempt'),
    startedAt: numberAt(row, 'started_at'),
    seconds: numberOrNullAt(row, 'seconds'),
    rowsWritten: integerOrNullAt(row, 'rows_written'),
    partitions: fromJson<BatchPartitionRecord[]>(textAt(row, 'partitions')),
  };
}

function errorOf(row: Row): PipelineErrorRecord {
  return {
    errorId: integerAt(row, 'error_id'),
    pipelineId: integerAt(row, 'pipeline_id'),
    at: numberAt(row, 'at'),
    type: textAt(row, 'type') as PipelineErrorRecord['type'],
    code: numberAt(row, 'code'),
    message: textAt(row, 'message'),
    kind: textAt(row, 'kind') as PipelineErrorRecord['kind'],
    stdError: textOrNullAt(row, 'std_error'),
    loadDataLine: textOrNullAt(row, 'load_data_line'),
    loadDataLineNumber: integerOrNullAt(row, 'load_data_line_number'),
    batchId: integerOrNullAt(row, 'batch_id'),
    sourcePartition: textOrNullAt(row, 'source_partition'),
    earliestOffset: integerOrNullAt(row, 'earliest_offset'),
    latestOffset: integerOrNullAt(row, 'latest_offset'),
    host: textOrNullAt(row, 'host'),
    port: numberOrNullAt(row, 'port'),
    partition: numberOrNullAt(row, 'partition'),
  };
}
