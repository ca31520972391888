import { MillraceError } from '@millrace/errors/millrace-error';

/** Why a port cannot be served, in words that say what to do; `purpose` is what the port is for. */
export function listenError(purpose: string, address: string, cause: unknown): MillraceError {
  const text = cause instanceof Error ? cause.message : String(cause);
  return new MillraceError(
    'OPTION_INVALID',
    `cannot listen on ${address} for ${purpose}: ${reasonOf(text)}`,
    {
      cause,
    },
  );
}

function reasonOf(text: string): string {
  if (text.includes('EADDRINUSE')) return 'another process uses the port; stop it or choose another port';
  if (text.includes('EACCES')) return 'this user may not use the port; choose one above 1023';
  if (text.includes('EADDRNOTAVAIL')) return 'this machine has no such address; choose another --host';
  return text;
}
