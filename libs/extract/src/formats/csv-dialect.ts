/** The FIELDS, LINES and NULL clauses of FORMAT CSV, as bytes. Empty arrays mean "none". */
export interface CsvDialect {
  readonly fieldsTerminatedBy: Uint8Array;
  /** One byte or none. Whether OPTIONALLY was said makes no difference when reading. */
  readonly fieldsEnclosedBy: Uint8Array;
  readonly fieldsEscapedBy: Uint8Array;
  readonly linesTerminatedBy: Uint8Array;
  readonly linesStartingBy: Uint8Array;
  /** Missing trailing fields are NULL. */
  readonly trailingNullcols: boolean;
  readonly nullDefinedBy: Uint8Array | undefined;
  readonly nullOptionallyEnclosed: boolean;
  /** Lines left out at the start of each source partition's share of a batch. */
  readonly ignoreLines: number;
}
