/**
 * A gRPC client of Millrace that needs nothing but `@grpc/grpc-js` and the code generated from `proto/`.
 *
 *     node docs/examples/query-client.ts 127.0.0.1:50051 query DATABASE "SELECT … WHERE a = ? AND b = ?" 42 text
 *     node docs/examples/query-client.ts 127.0.0.1:50051 pipelines
 *     node docs/examples/query-client.ts 127.0.0.1:50051 health
 *
 * A server that asks for them gets certificates from the files that MILLRACE_TLS_CA, MILLRACE_TLS_CERT and MILLRACE_TLS_KEY
 * name, and the token in the file that MILLRACE_CLUSTER_TOKEN_FILE names.
 * Rows are printed tab-separated as they arrive. Ctrl-C cancels the call, which stops the statement on every leaf.
 * Exits with 1 when the server reports an error, with 130 when cancelled.
 */
import { readFileSync } from 'node:fs';
import {
  type ChannelCredentials,
  type ClientOptions,
  type ClientReadableStream,
  credentials,
  InterceptingCall,
  type Interceptor,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { HealthCheckResponse_ServingStatus, HealthClient } from '@millrace/proto/grpc/health/v1/health';
import { type Pipeline, PipelineAdminClient } from '@millrace/proto/millrace/cluster/v1/pipeline_admin';
import { ErrorDetail } from '@millrace/proto/millrace/common/v1/errors';
import type { ColumnBatch, ColumnVector, Value } from '@millrace/proto/millrace/common/v1/values';
import { type ExecuteResponse, QueryClient } from '@millrace/proto/millrace/query/v1/query';

const {
  MILLRACE_TLS_CA: ca,
  MILLRACE_TLS_CERT: cert,
  MILLRACE_TLS_KEY: key,
  MILLRACE_CLUSTER_TOKEN_FILE: tokenFile,
} = process.env;

const channel: ClientOptions = {
  // Batches of wide rows can be larger than the 4 MB that gRPC accepts by default.
  'grpc.max_receive_message_length': 64 << 20,
  interceptors: tokenFile ? [sendToken(readFileSync(tokenFile, 'utf8').trim())] : [],
};

function identity(): ChannelCredentials {
  if (!ca) return credentials.createInsecure();
  const pem = (path: string | undefined) => (path ? readFileSync(path) : null);
  return credentials.createSsl(pem(ca), pem(key), pem(cert));
}

/** Adds the token to every call. */
function sendToken(token: string): Interceptor {
  return (options, next) =>
    new InterceptingCall(next(options), {
      start: (metadata, listener, start) => {
        metadata.set('authorization', `Bearer ${token}`);
        start(metadata, listener);
      },
    });
}

/** Whole numbers go as such, everything else as text; the server converts to the type that the statement needs. */
function parameterOf(text: string): Value {
  if (text === 'NULL') return { value: undefined };
  return /^-?\d{1,18}$/.test(text)
    ? { value: { $case: 'int64', int64: BigInt(text) } }
    : { value: { $case: 'text', text } };
}

/** Runs a statement and prints its rows; resolves to a line about what it did. */
async function query(
  address: string,
  database: string,
  sql: string,
  parameters: readonly string[],
): Promise<string> {
  const client = new QueryClient(address, identity(), channel);
  const request = { database, sql, parameters: parameters.map(parameterOf), batchRows: 0 };
  const call: ClientReadableStream<ExecuteResponse> = client.execute(request);
  process.once('SIGINT', () => call.cancel());
  let rows: number | undefined;
  let affectedRows = 0n;
  try {
    // Reading with `for await` pauses the server while a batch is being printed.
    for await (const { part } of call as AsyncIterable<ExecuteResponse>) {
      switch (part?.$case) {
        case 'header':
          rows = 0;
          print(part.header.columns.map(({ name }) => name));
          break;
        case 'batch':
          rows = (rows ?? 0) + part.batch.rowCount;
          for (const row of rowsOf(part.batch)) print(row);
          break;
        case 'done':
          affectedRows = part.done.affectedRows;
          break;
      }
    }
  } finally {
    client.close();
  }
  return rows === undefined ? `${affectedRows} rows affected` : `${rows} rows`;
}

function* rowsOf({ rowCount, columns }: ColumnBatch): Generator<string[]> {
  for (let row = 0; row < rowCount; row += 1) yield columns.map((column) => cellOf(column, row));
}

/** The vectors of a batch have a slot for every row, also for those that are NULL. */
function cellOf({ nulls, values }: ColumnVector, row: number): string {
  if (nulls[row] === 1) return 'NULL';
  switch (values?.$case) {
    case 'int64s':
      return String(values.int64s.values[row]);
    case 'uint64s':
      return String(values.uint64s.values[row]);
    case 'doubles':
      return String(values.doubles.values[row]);
    case 'texts':
      return values.texts.values[row] ?? '';
    case 'blobs':
      return `0x${values.blobs.values[row]?.toString('hex')}`;
    case undefined:
      return 'NULL';
  }
}

function print(cells: readonly string[]): void {
  process.stdout.write(`${cells.join('\t')}\n`);
}

async function pipelines(address: string): Promise<string> {
  const client = new PipelineAdminClient(address, identity(), channel);
  const found = await new Promise<Pipeline[]>((resolve, reject) => {
    client.listPipelines({ database: '' }, (error, response) => {
      if (error === null) resolve(response.pipelines);
      else reject(error);
    });
  });
  client.close();
  print(['database', 'pipeline', 'state', 'table', 'positions']);
  for (const { database, name, state, table, cursors } of found) {
    const positions = cursors.map(
      ({ sourcePartition, cursorOffset }) => `${sourcePartition}:${cursorOffset}`,
    );
    print([database, name, state, table, positions.join(' ')]);
  }
  return `${found.length} pipelines`;
}

async function health(address: string): Promise<string> {
  const client = new HealthClient(address, identity(), channel);
  const serving = await new Promise<boolean>((resolve, reject) => {
    client.check({ service: '' }, (error, response) => {
      if (error === null) resolve(response.status === HealthCheckResponse_ServingStatus.SERVING);
      else reject(error);
    });
  });
  client.close();
  return serving ? 'serving' : 'not serving';
}

/** The server sends what went wrong as a message of its own, beside the gRPC status. */
function describeError(error: ServiceError): string {
  const [bytes] = error.metadata.get('millrace-error-bin');
  if (!Buffer.isBuffer(bytes)) return error.message;
  const { code, mysqlNumber, sqlState, message, detail, remedy, origin } = ErrorDetail.decode(bytes);
  const lines = [`${code} ${mysqlNumber} (${sqlState}): ${message}`, `from: ${origin}`, `remedy: ${remedy}`];
  if (detail !== '') lines.splice(1, 0, `detail: ${detail}`);
  return lines.join('\n');
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'metadata' in error && 'code' in error;
}

const usage = 'query-client.ts HOST:PORT query DATABASE SQL [VALUE …] | pipelines | health';
const [address = '', command = '', database = '', sql = '', ...parameters] = process.argv.slice(2);

async function main(): Promise<string> {
  switch (command) {
    case 'query':
      return query(address, database, sql, parameters);
    case 'pipelines':
      return pipelines(address);
    case 'health':
      return health(address);
    default:
      throw new Error(usage);
  }
}

try {
  process.stderr.write(`${await main()}\n`);
} catch (error) {
  const cancelled = isServiceError(error) && error.code === status.CANCELLED;
  process.stderr.write(`${isServiceError(error) ? describeError(error) : String(error)}\n`);
  process.exitCode = cancelled ? 130 : 1;
}
