import { readFileSync } from 'node:fs';
import { MillraceError } from '@millrace/errors/millrace-error';
import { type Connection, type ConnectionOptions, createConnection } from 'mysql2';
import { isSqlError } from '../error-text.ts';

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

export interface Login extends ServerAddress {
  readonly user: string;
  readonly password: string;
  readonly database?: string | undefined;
  /** File of the authority (PEM) that the server's certificate is checked against; not encrypted without. */
  readonly tlsCa?: string | undefined;
}

const connectTimeoutMs = 10_000;

/** Values as the server wrote them: no rounding of big numbers, no time zones put into dates. */
const faithfulValues = {
  supportBigNumbers: true,
  dateStrings: true,
  jsonStrings: true,
} satisfies ConnectionOptions;

/**
 * Connects over the MySQL protocol.
 *
 * @throws OPTION_INVALID, for an authority that does not fit too; AGGREGATOR_UNAVAILABLE when nobody answers there; what the server says when it refuses
 */
export async function connect(login: Login): Promise<Connection> {
  const { host, port, user, password, database, tlsCa } = login;
  const connection = createConnection({
    ...faithfulValues,
    host,
    port,
    user,
    password,
    ...(database === undefined ? {} : { database }),
    ...(tlsCa === undefined ? {} : { ssl: { ca: readAuthority(tlsCa), verifyIdentity: true } }),
    rowsAsArray: true,
    multipleStatements: true,
    connectTimeout: connectTimeoutMs,
  });
  await new Promise<void>((resolve, reject) => {
    // Later failures are also told to the statement that runs; without a listener they would end the process.
    connection.on('error', (cause) => reject(connectError(cause, login)));
    connection.once('connect', () => resolve());
  }).catch((error: unknown) => {
    connection.destroy();
    throw error;
  });
  return connection;
}

function readAuthority(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new MillraceError('OPTION_INVALID', `cannot read ${path}`, { cause: error });
  }
}

function connectError(cause: unknown, { host, port }: ServerAddress): unknown {
  if (isSqlError(cause) && cause.sqlState !== undefined) return cause;
  const reason = cause instanceof Error && cause.message !== '' ? `: ${cause.message}` : '';
  // The codes of mysql2 for a certificate that does not fit, and for a server without TLS.
  if (cause instanceof Error && 'code' in cause && /^HANDSHAKE_(NO_)?SSL/.test(String(cause.code)))
    return new MillraceError('OPTION_INVALID', `TLS with ${host}:${port} failed${reason}`, { cause });
  return new MillraceError('AGGREGATOR_UNAVAILABLE', `nothing answers as a MySQL server on ${host}:${port}`, {
    detail: `is Millrace running, and is this its MySQL port?${reason}`,
    cause,
  });
}

/** Sends the goodbye and closes. */
export function disconnect(connection: Connection): Promise<void> {
  return new Promise((resolve) => connection.end(() => resolve()));
}
