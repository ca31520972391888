import type { Connection, RowDataPacket } from 'mysql2';

export const topic = 'adtech';
export const topicPartitions = 4;

export type Storage = 'rowstore' | 'columnstore';

/** The statements that turn the topic into a table, as a user would type them. */
export function definitions(brokers: string, storage: Storage): readonly string[] {
  const kind = storage === 'columnstore' ? 'COLUMNSTORE ' : '';
  return [
    'CREATE DATABASE adtech PARTITIONS 4',
    'USE adtech',
    `CREATE ${kind}TABLE events (user_id INT, event_name VARCHAR(128), advertiser VARCHAR(128), campaign SMALLINT, gender VARCHAR(16),
  income VARCHAR(32), page_url VARCHAR(256), region VARCHAR(64), country VARCHAR(64), SHARD KEY (user_id))`,
    `CREATE PIPELINE events_pipe AS LOAD DATA KAFKA '${brokers}/${topic}' INTO TABLE events FORMAT JSON
  (user_id <- user_id, event_name <- event_name, advertiser <- advertiser, campaign <- campaign, gender <- gender,
   income <- income, page_url <- page_url, region <- region, country <- country)`,
    'START PIPELINE events_pipe',
  ];
}

export const groupByQuery = 'SELECT event_name, COUNT(*) FROM events GROUP BY event_name ORDER BY 2 DESC';

export interface EventCount {
  readonly eventName: string;
  readonly count: number;
}

export interface BatchInfo {
  readonly id: string;
  readonly state: string;
  readonly rows: number;
  readonly seconds: number;
}

/** The demo's database through one MySQL connection. */
export class AdtechDatabase {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async run(statement: string): Promise<void> {
    await this.#rows(statement);
  }

  async exists(): Promise<boolean> {
    return (await this.#rows('SHOW DATABASES')).some(([name]) => name === 'adtech');
  }

  /** Rows of `events` by the partition of the topic that they came from: see EventProducer. */
  async countRows(partitions: number): Promise<readonly number[]> {
    const counts = new Array<number>(partitions).fill(0);
    const query = `SELECT user_id % ${partitions}, COUNT(*) FROM events GROUP BY 1`;
    for (const [partition, count] of await this.#rows(query)) counts[Number(partition)] = Number(count);
    return counts;
  }

  async sumUserIds(): Promise<number> {
    const [row] = await this.#rows('SELECT SUM(user_id) FROM events');
    return Number(row?.[0] ?? 0);
  }

  async countEvents(): Promise<readonly EventCount[]> {
    const rows = await this.#rows(groupByQuery);
    return rows.map(([eventName, count]) => ({ eventName: String(eventName), count: Number(count) }));
  }

  async newestBatch(): Promise<BatchInfo | undefined> {
    const [row] = await this.#rows(
      'SELECT BATCH_ID, BATCH_STATE, ROWS_STREAMED, BATCH_TIME FROM information_schema.PIPELINES_BATCHES_SUMMARY ' +
        "WHERE BATCH_STATE = 'Succeeded' ORDER BY BATCH_ID DESC LIMIT 1",
    );
    if (row === undefined) return undefined;
    const [id, state, rows, seconds] = row;
    return { id: String(id), state: String(state), rows: Number(rows), seconds: Number(seconds) };
  }

  /** `Running`, `Stopped` or `Error`. */
  async pipelineState(): Promise<string> {
    const [row] = await this.#rows(
      "SELECT STATE FROM information_schema.PIPELINES WHERE DATABASE_NAME = 'adtech' AND PIPELINE_NAME = 'events_pipe'",
    );
    return String(row?.[0] ?? 'missing');
  }

  /** The newest message of the pipeline's error list. */
  async pipelineError(): Promise<string | undefined> {
    const [row] = await this.#rows(
      'SELECT ERROR_MESSAGE FROM information_schema.PIPELINES_ERRORS ORDER BY ERROR_ID DESC LIMIT 1',
    );
    return row === undefined ? undefined : String(row[0]);
  }

  close(): void {
    this.#connection.destroy();
  }

  async #rows(sql: string): Promise<readonly (readonly unknown[])[]> {
    const [rows] = await this.#connection.promise().query<RowDataPacket[]>(sql);
    return Array.isArray(rows) ? (rows as unknown as readonly (readonly unknown[])[]) : [];
  }
}
