import { eventually, type SqlClient } from './sql-client.ts';

export interface PipelineError {
  readonly type: string | null;
  readonly code: string | null;
  readonly message: string;
  readonly kind: string | null;
  readonly stdError: string | null;
  readonly line: string | null;
  readonly lineNumber: string | null;
  readonly batchId: string | null;
  readonly sourcePartition: string | null;
  readonly earliestOffset: string | null;
  readonly latestOffset: string | null;
}

/** PIPELINES_ERRORS of one pipeline, oldest first. */
export async function pipelineErrors(client: SqlClient, pipeline: string): Promise<PipelineError[]> {
  const rows = await client.rows(
    `SELECT ERROR_TYPE, ERROR_CODE, ERROR_MESSAGE, ERROR_KIND, STD_ERROR, LOAD_DATA_LINE, LOAD_DATA_LINE_NUMBER, BATCH_ID,
      BATCH_SOURCE_PARTITION_ID, BATCH_EARLIEST_OFFSET, BATCH_LATEST_OFFSET
      FROM information_schema.PIPELINES_ERRORS WHERE PIPELINE_NAME = '${pipeline}' ORDER BY ERROR_ID`,
  );
  return rows.map((row) => {
    const [
      type,
      code,
      message,
      kind,
      stdError,
      line,
      lineNumber,
      batchId,
      sourcePartition,
      earliest,
      latest,
    ] = row;
    return {
      type: type ?? null,
      code: code ?? null,
      message: message ?? '',
      kind: kind ?? null,
      stdError: stdError ?? null,
      line: line ?? null,
      lineNumber: lineNumber ?? null,
      batchId: batchId ?? null,
      sourcePartition: sourcePartition ?? null,
      earliestOffset: earliest ?? null,
      latestOffset: latest ?? null,
    };
  });
}

export async function pipelineState(client: SqlClient, pipeline: string): Promise<string | null> {
  return client.value(`SELECT STATE FROM information_schema.PIPELINES WHERE PIPELINE_NAME = '${pipeline}'`);
}

/** Waits until a pipeline has given up, and gives its errors. */
export async function untilError(
  client: SqlClient,
  pipeline: string,
  timeoutMs = 60_000,
): Promise<PipelineError[]> {
  await eventually(
    () => pipelineState(client, pipeline),
    (state) => state === 'Error',
    { timeoutMs, what: `pipeline ${pipeline} in state Error` },
  );
  return pipelineErrors(client, pipeline);
}

/** Waits until a table has this many rows; what the pipeline complained about is in the error. */
export async function untilRows(
  client: SqlClient,
  table: string,
  rows: number,
  pipeline: string,
  timeoutMs = 60_000,
): Promise<void> {
  try {
    await eventually(
      () => client.value(`SELECT COUNT(*) FROM ${table}`),
      (count) => count === String(rows),
      { timeoutMs, what: `${rows} rows in ${table}` },
    );
  } catch (error) {
    const errors = (await pipelineErrors(client, pipeline)).map(({ message }) => message);
    const state = await pipelineState(client, pipeline);
    throw new Error(
      `${String(error)}\npipeline ${pipeline} is ${state}; errors: ${errors.slice(-5).join('\n')}`,
    );
  }
}
