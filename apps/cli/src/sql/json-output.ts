import type { FieldPacket } from 'mysql2';
import { isSqlError } from '../error-text.ts';
import type { Cell, ResultSink, StatementOutcome } from './run-statements.ts';
import type { TextOutput } from './table-output.ts';

/**
 * Results for programs, one line of JSON per statement: `{"columns":[…],"rows":[[…],…]}` or
 * `{"affectedRows":…,"warnings":…}`, and `{"error":{"code":…,"sqlState":…,"message":…}}` for the one that failed. Decimals and
 * integers beyond 2^53 are strings, binary values are `0x…`.
 */
export class JsonOutput implements ResultSink {
  readonly #output: TextOutput;
  #separator = '';

  constructor(output: TextOutput) {
    this.#output = output;
  }

  columns(fields: readonly FieldPacket[]): void {
    this.#separator = '';
    this.#output.write(`{"columns":${JSON.stringify(fields.map(({ name }) => name))},"rows":[`);
  }

  row(cells: readonly Cell[]): void {
    const values = cells.map((cell) => (Buffer.isBuffer(cell) ? `0x${cell.toString('hex')}` : cell));
    this.#output.write(this.#separator + JSON.stringify(values));
    this.#separator = ',';
  }

  endOfRows(): void {
    this.#output.write(']}\n');
  }

  done({ affectedRows, warnings }: StatementOutcome): void {
    this.#output.write(`${JSON.stringify({ affectedRows, warnings })}\n`);
  }

  failed(error: unknown): void {
    const sql = isSqlError(error)
      ? { code: error.errno, sqlState: error.sqlState, message: error.sqlMessage }
      : { message: error instanceof Error ? error.message : String(error) };
    this.#output.write(`${JSON.stringify({ error: sql })}\n`);
  }

  ready(): Promise<void> | undefined {
    return this.#output.ready();
  }
}
