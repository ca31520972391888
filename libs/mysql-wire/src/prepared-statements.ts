import { MillraceError } from '@millrace/errors/millrace-error';

const idMax = 0xffff_ffff;

/** A value that arrives in pieces. Its buffer doubles, so that many small pieces cost no more than a few large ones. */
export class LongValue {
  #buffer = Buffer.alloc(0);
  #length = 0;

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  append(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    if (length > this.#buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#buffer.length));
      this.#buffer.copy(grown, 0, 0, this.#length);
      this.#buffer = grown;
    }
    this.#buffer.set(piece, this.#length);
    this.#length = length;
  }
}

/** One prepared statement of a connection. */
export interface PreparedStatement {
  readonly id: number;
  readonly sql: string;
  readonly parameterCount: number;
  /** Types of the last execution, which the next one may leave out. */
  types: readonly number[] | undefined;
  /** Values sent ahead of the execution, by parameter. */
  readonly longData: Map<number, LongValue>;
  /** A failed COM_STMT_SEND_LONG_DATA, which has no answer of its own: the next execution reports it. */
  longDataError: MillraceError | undefined;
}

export interface PreparedStatementLimits {
  readonly statementsMax: number;
  /** Statement texts and long data of one connection together. */
  readonly heldBytesMax: number;
}

/** The prepared statements of one connection, bounded in number and in the bytes they hold. */
export class PreparedStatements {
  readonly #statements = new Map<number, PreparedStatement>();
  readonly #limits: PreparedStatementLimits;
  #idNext = 1;
  #heldBytes = 0;

  constructor(limits: PreparedStatementLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#statements.size;
  }

  /** @throws MillraceError PREPARED_TOO_MANY at the number limit, RESOURCE_LIMIT at the byte limit */
  checkRoomFor(sql: string): void {
    const { statementsMax } = this.#limits;
    if (this.#statements.size >= statementsMax) {
      throw new MillraceError('PREPARED_TOO_MANY', `the session has ${statementsMax} prepared statements`);
    }
    this.#checkHeld(sql.length);
  }

  add(sql: string, parameterCount: number): PreparedStatement {
    const id = this.#idNext;
    do this.#idNext = this.#idNext === idMax ? 1 : this.#idNext + 1;
    while (this.#statements.has(this.#idNext));
    const statement = {
      id,
      sql,
      parameterCount,
      types: undefined,
      longData: new Map<number, LongValue>(),
      longDataError: undefined,
    };
    this.#statements.set(id, statement);
    this.#heldBytes += sql.length;
    return statement;
  }

  /** @throws MillraceError STATEMENT_HANDLE_UNKNOWN */
  get(id: number): PreparedStatement {
    const statement = this.#statements.get(id);
    if (statement === undefined) {
      throw new MillraceError('STATEMENT_HANDLE_UNKNOWN', `no prepared statement has the id ${id}`);
    }
    return statement;
  }

  /** Appends to a parameter's long data. Problems are kept for the next execution, as the command has no answer. */
  appendLongData(id: number, parameter: number, bytes: Uint8Array): void {
    const statement = this.#statements.get(id);
    if (statement === undefined || statement.longDataError !== undefined) return;
    try {
      if (parameter >= statement.parameterCount) {
        throw new MillraceError('PARAMETER_COUNT', `long data for parameter ${parameter + 1}`, {
          detail: `the statement has ${statement.parameterCount}`,
        });
      }
      this.#checkHeld(bytes.length);
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      statement.longDataError = error;
      return;
    }
    const value = statement.longData.get(parameter) ?? new LongValue();
    statement.longData.set(parameter, value);
    value.append(bytes);
    this.#heldBytes += bytes.length;
  }

  /** Drops the long data of a statement: after each execution and on COM_STMT_RESET. */
  clearLongData(statement: PreparedStatement): void {
    for (const value of statement.longData.values()) this.#heldBytes -= value.bytes.length;
    statement.longData.clear();
    statement.longDataError = undefined;
  }

  close(id: number): void {
    const statement = this.#statements.get(id);
    if (statement === undefined) return;
    this.clearLongData(statement);
    this.#heldBytes -= statement.sql.length;
    this.#statements.delete(id);
  }

  closeAll(): void {
    this.#statements.clear();
    this.#heldBytes = 0;
  }

  #checkHeld(bytes: number): void {
    const { heldBytesMax } = this.#limits;
    if (this.#heldBytes + bytes > heldBytesMax) {
      throw new MillraceError('RESOURCE_LIMIT', `prepared statements hold more than ${heldBytesMax} bytes`);
    }
  }
}
