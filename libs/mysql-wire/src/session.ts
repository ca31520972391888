import type { ColumnBatch, ResultColumn, ScalarValue } from '@millrace/values/column-batch';
import type { CommandName } from './protocol-constants.ts';

/** Where a client connects from. */
export interface RemoteAddress {
  readonly address: string;
  readonly port: number;
}

/** How a connection is encrypted. */
export interface TlsState {
  /** For example `TLS_AES_256_GCM_SHA384`. */
  readonly cipher: string;
  /** For example `TLSv1.3`. */
  readonly version: string;
}

/**
 * Decides whether a user may connect. `checkPassword` compares the client's answer with a stored
 * SHA1(SHA1(password)), 20 bytes, or empty for an account without password. A rejection with a MillraceError is
 * shown to the client.
 */
export type Authenticate = (
  user: string,
  checkPassword: (storedHash: Uint8Array) => boolean,
  remote: RemoteAddress,
) => Promise<boolean>;

/** What a session may know about its connection. */
export interface SessionClient {
  readonly connectionId: bigint;
  readonly user: string;
  readonly remote: RemoteAddress;
  /** Undefined for a connection that is not encrypted. */
  readonly tls: TlsState | undefined;
  /** What the client program says about itself, for example `_client_name`. */
  readonly attributes: ReadonlyMap<string, string>;
  /** CLIENT_FOUND_ROWS: `affectedRows` of an UPDATE then counts the rows matched, not those changed. */
  readonly foundRows: boolean;
  /** The collation id the client asked for, 33 (utf8), 45 or 255 (utf8mb4) as a rule. */
  readonly collation: number;
  /** Whether one text may hold several statements. Changes during the connection (COM_SET_OPTION), so read it each time. */
  readonly multiStatements: boolean;
}

export interface SessionStatus {
  readonly autocommit: boolean;
  readonly inTransaction: boolean;
}

/** The outcome of one statement. */
export type StatementResult =
  | {
      readonly kind: 'ok';
      readonly affectedRows: bigint;
      readonly lastInsertId: bigint;
      readonly warnings: number;
      /** For example `Records: 3  Duplicates: 0  Warnings: 0`. */
      readonly info?: string;
    }
  | {
      readonly kind: 'rows';
      /** At least one column. */
      readonly columns: readonly ResultColumn[];
      /** Each vector has the physical kind of its column's type. */
      readonly batches: AsyncIterable<ColumnBatch>;
      /** Called once, after the last batch. */
      warnings(): number;
    };

/** The parameter markers of a prepared text, and its result columns: none when it returns no rows. */
export interface PreparedShape {
  readonly parameterCount: number;
  readonly columns: readonly ResultColumn[];
}

/**
 * One client's session, implemented by the executor. Calls never overlap. A rejection with a MillraceError is reported
 * to the client; any other error is logged and reported as INTERNAL. When `signal` fires, the call in hand must
 * settle soon; the client then gets the signal's reason.
 */
export interface MysqlSession {
  /** Sent with every answer. */
  readonly status: SessionStatus;
  /**
   * Runs a text that may hold several statements and yields one result each. It stops at the first error, which it
   * throws. The rows of a result are read, or their iterator is closed, before the next result is asked for.
   */
  query(sql: string, signal: AbortSignal): AsyncIterable<StatementResult>;
  prepare(sql: string): Promise<PreparedShape>;
  /**
   * Runs a prepared text. Integers arrive as bigint, FLOAT and DOUBLE as number; decimals, dates and times as their
   * text; character data as string; BLOB data, and character data that is not UTF-8, as bytes.
   */
  execute(
    sql: string,
    parameters: readonly ScalarValue[],
    signal: AbortSignal,
  ): AsyncIterable<StatementResult>;
  useDatabase(name: string): Promise<void>;
  /** The columns of a table of the current database, for COM_FIELD_LIST. Without it the command is refused. */
  listFields?(table: string): Promise<readonly ResultColumn[]>;
  /** One line for COM_STATISTICS. */
  statistics(): string;
  /** Back to the state of a new session of the same user: rolls back, drops session variables and temporary tables. */
  reset(): Promise<void>;
  /** COM_PROCESS_KILL: checks rights, then ends that connection. */
  killConnection(connectionId: bigint): Promise<void>;
  /** Called once, when the connection has ended or changes its user, after the last call has settled. */
  close(): void;
}

/** One line of the process list. */
export interface ConnectionInfo {
  readonly id: bigint;
  /** Undefined until the client has logged in. */
  readonly user: string | undefined;
  readonly remote: RemoteAddress;
  /** The command in hand, undefined while the connection waits for one. */
  readonly command: CommandName | undefined;
  /** When the command in hand, or the wait for one, began (milliseconds since 1970). */
  readonly sinceMs: number;
  /** The text of the command in hand, for those that have one. */
  readonly statement: string | undefined;
}

/** Where a server reports what no client may see; `@millrace/runtime` loggers fit. */
export interface WireLogger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}
