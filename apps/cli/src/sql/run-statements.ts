import type { Connection, FieldPacket, ResultSetHeader } from 'mysql2';

/** A cell as the client library gives it: integers beyond 2^53 and decimals as text, binary columns as buffers. */
export type Cell = string | number | Buffer | null;

export interface StatementOutcome {
  readonly affectedRows: number;
  readonly warnings: number;
}

/** Told about the results of statements, in order. */
export interface ResultSink {
  columns(fields: readonly FieldPacket[]): void;
  row(cells: readonly Cell[]): void;
  /** After the last row of a result set. */
  endOfRows(): void;
  /** A statement without result set is done. */
  done(outcome: StatementOutcome): void;
  /** Resolves as soon as more output is welcome; undefined if it is now. */
  ready(): Promise<void> | undefined;
}

/**
 * Runs a text of one or more statements and streams the results to the sink, no faster than it takes them. Rejects with
 * the server's error; results of the statements before it have been delivered.
 */
export function runStatements(connection: Connection, sql: string, sink: ResultSink): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // A lost connection is told to the connection, not to its statement.
  connection.once('error', reject);
  let inRows = false;
  const endRows = () => {
    if (inRows) sink.endOfRows();
    inRows = false;
  };
  const query = connection.query(sql);
  query.on('fields', (fields: FieldPacket[] | undefined) => {
    endRows();
    if (fields === undefined) return;
    inRows = true;
    sink.columns(fields);
  });
  query.on('result', (result: unknown) => {
    if (!inRows) {
      const { affectedRows, warningStatus } = result as ResultSetHeader;
      sink.done({ affectedRows: affectedRows ?? 0, warnings: warningStatus ?? 0 });
      return;
    }
    sink.row(result as readonly Cell[]);
    const wait = sink.ready();
    if (wait === undefined) return;
    connection.pause();
    void wait.then(() => connection.resume());
  });
  query.on('error', (error: unknown) => {
    endRows();
    reject(error);
  });
  query.on('end', () => {
    endRows();
    resolve();
  });
  return promise.finally(() => connection.off('error', reject));
}
