import { MillraceError } from '@millrace/errors/millrace-error';

/** One connection as SHOW PROCESSLIST shows it. */
export interface ProcessInfo {
  readonly id: bigint;
  readonly user: string;
  /** "address:port". */
  readonly host: string;
  readonly database: string | undefined;
  /** `Query` while a statement runs, else `Sleep`. */
  readonly command: string;
  /** Unix seconds since when it does that. */
  readonly since: number;
  /** Text of the running statement. */
  readonly info: string | undefined;
}

export interface Process {
  info(): ProcessInfo;
  /** Ends the running statement, if any, with QUERY_KILLED. */
  killQuery(): void;
  /** Ends the connection. */
  killConnection(): void;
}

/** The open sessions, for SHOW PROCESSLIST and KILL. */
export class ProcessList {
  readonly #processes = new Map<bigint, Process>();

  add(id: bigint, process: Process): void {
    this.#processes.set(id, process);
  }

  remove(id: bigint): void {
    this.#processes.delete(id);
  }

  list(): ProcessInfo[] {
    return [...this.#processes.values()].map((process) => process.info());
  }

  /** Throws THREAD_UNKNOWN. */
  killQuery(id: bigint): void {
    this.#find(id).killQuery();
  }

  /** Throws THREAD_UNKNOWN. */
  killConnection(id: bigint): void {
    const process = this.#find(id);
    process.killQuery();
    process.killConnection();
  }

  #find(id: bigint): Process {
    const process = this.#processes.get(id);
    if (process === undefined) throw new MillraceError('THREAD_UNKNOWN', `unknown connection id ${id}`);
    return process;
  }
}
