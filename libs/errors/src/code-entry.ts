/** What the registry says about one code. `docs/reference/errors.md` is generated from it. */
export interface ErrorCodeEntry {
  readonly kind: 'user' | 'operational';
  readonly retryable: boolean;
  /** Five characters, as SQL clients see them. */
  readonly sqlState: string;
  /** MySQL error number; below 32768 because some clients read it as a signed 16-bit integer. */
  readonly mysqlNumber: number;
  readonly cause: string;
  readonly remedy: string;
}

/** A mistake of whoever asked: reported, and pointless to repeat as it is. */
export function user(mysqlNumber: number, sqlState: string, cause: string, remedy: string): ErrorCodeEntry {
  return { kind: 'user', retryable: false, sqlState, mysqlNumber, cause, remedy };
}

/** Something about the environment: disk, network, a peer. */
export function operational(
  mysqlNumber: number,
  sqlState: string,
  retryable: boolean,
  cause: string,
  remedy: string,
): ErrorCodeEntry {
  return { kind: 'operational', retryable, sqlState, mysqlNumber, cause, remedy };
}
