import { MillraceError } from '@millrace/errors/millrace-error';
import type { RecordScanner } from '../formats/record-scanner.ts';
import type { RowErrors } from '../rows/row-errors.ts';
import type { RowFields } from '../rows/row-fields.ts';

/** A row of a transform's output may not be longer. */
const rowBytesMax = 64 * 1024 * 1024;
const noRecord = { offset: -1n };

/** Scans a byte stream that may be cut anywhere: what is left of an unfinished row waits for more. */
export class RowStream {
  readonly #range: number;
  readonly #errors: RowErrors;
  readonly #scanner: RecordScanner;
  readonly #fields: RowFields;
  #rest: Buffer = Buffer.alloc(0);
  #line = 1;
  /** Bytes of the stream so far. */
  bytes = 0;

  constructor(range: number, scanner: RecordScanner, fields: RowFields, errors: RowErrors) {
    this.#range = range;
    this.#errors = errors;
    this.#scanner = scanner;
    this.#fields = fields;
  }

  /**
   * Reads the rows that `bytes` completes.
   *
   * @throws MillraceError ROW_PARSE for a row without end, and what the scanner's rows are rejected with.
   */
  push(bytes: Buffer): void {
    this.bytes += bytes.length;
    this.#scan(this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]), false);
    if (this.#rest.length > rowBytesMax) {
      // Where such a row ends is unknown, so it cannot be skipped.
      const error = new MillraceError('ROW_PARSE', `a row of more than ${rowBytesMax} bytes`);
      throw this.#errors.failure(error, {
        range: this.#range,
        offset: noRecord.offset,
        lineNumber: this.#line,
        line: '',
      });
    }
  }

  /** Reads the last row. */
  end(): void {
    this.#scan(this.#rest, true);
  }

  #scan(bytes: Buffer, complete: boolean): void {
    const fields = this.#fields;
    fields.range = this.#range;
    fields.record = noRecord;
    fields.line = this.#line;
    const end = this.#scanner.scan(bytes, 0, bytes.length, complete);
    this.#line = fields.line;
    this.#rest = bytes.subarray(end);
  }
}
