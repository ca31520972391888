/** Turns bytes of the declared format into rows of a sink. One per format. */
export interface RecordScanner {
  /**
   * Reads the rows in `bytes[start, end)`. With `complete` the bytes are a whole input (a Kafka record, or the end of a
   * stream) and a row that does not end is an error; otherwise reading stops before such a row.
   *
   * @returns the position up to which rows were read: `end` if complete.
   * @throws MillraceError ROW_PARSE, FIELD_MISSING or FIELD_EXCESS for the row that begins there, or what the sink throws.
   */
  scan(bytes: Buffer, start: number, end: number, complete: boolean): number;
}
