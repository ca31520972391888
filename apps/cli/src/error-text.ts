import { isMillraceError } from '@millrace/errors/millrace-error';

/** An error as a MySQL client library reports it. */
interface SqlClientError extends Error {
  readonly errno: number;
  readonly sqlState?: string;
  readonly sqlMessage?: string;
}

/** Whether the server answered a statement with this error. */
export function isSqlError(error: unknown): error is SqlClientError & { readonly sqlMessage: string } {
  return error instanceof Error && 'sqlMessage' in error && typeof error.sqlMessage === 'string';
}

/** What happened, and what to do next, for people. */
export function messageOf(error: unknown): string {
  if (isMillraceError(error)) {
    const detail = error.detail === undefined ? '' : `\n${error.detail}`;
    return `${error.message}${detail}\nWhat to do: ${error.remedy}`;
  }
  if (isSqlError(error)) return `ERROR ${error.errno} (${error.sqlState ?? 'HY000'}): ${error.sqlMessage}`;
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}
