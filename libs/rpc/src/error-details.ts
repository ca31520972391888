import { Metadata, type ServiceError, status as Status, type StatusObject } from '@grpc/grpc-js';
import { type ErrorCode, errorCodes } from '@millrace/errors/codes';
import { isMillraceError, MillraceError } from '@millrace/errors/millrace-error';
import { ErrorDetail } from '@millrace/proto/millrace/common/v1/errors';
import { connectFailureOf } from './connect-failure.ts';

/** Trailing metadata key that carries a serialized {@link ErrorDetail}. */
const errorDetailKey = 'millrace-error-bin';
const causesMax = 8;
/**
 * Errors travel in HTTP/2 headers, of which a peer takes 64 KB in all, binary ones as base64 and the status text with
 * three characters for a byte that is not ASCII: long texts (a whole offending row) are cut to these numbers of bytes.
 */
const messageBytesMax = 4096;
const detailBytesMax = 8192;
const causeBytesMax = 1024;
const statusTextBytesMax = 1024;

/** gRPC status of the codes that have a better one than the default of their kind. */
const statusOf: Partial<Record<ErrorCode, Status>> = {
  DATABASE_UNKNOWN: Status.NOT_FOUND,
  TABLE_UNKNOWN: Status.NOT_FOUND,
  PIPELINE_UNKNOWN: Status.NOT_FOUND,
  TABLE_EXISTS: Status.ALREADY_EXISTS,
  DATABASE_EXISTS: Status.ALREADY_EXISTS,
  PIPELINE_EXISTS: Status.ALREADY_EXISTS,
  DUPLICATE_KEY: Status.ALREADY_EXISTS,
  ACCESS_DENIED: Status.UNAUTHENTICATED,
  QUERY_KILLED: Status.CANCELLED,
  DEADLINE_EXCEEDED: Status.DEADLINE_EXCEEDED,
  RESOURCE_LIMIT: Status.RESOURCE_EXHAUSTED,
  DISK_FULL: Status.RESOURCE_EXHAUSTED,
  TRANSACTION_ABORTED: Status.ABORTED,
  LOCK_TIMEOUT: Status.ABORTED,
  INTERNAL: Status.INTERNAL,
};

function grpcStatusOf(error: MillraceError): Status {
  const known = statusOf[error.code];
  if (known !== undefined) return known;
  if (error.kind === 'user') return Status.INVALID_ARGUMENT;
  // Clients repeat some calls after UNAVAILABLE.
  return error.retryable ? Status.UNAVAILABLE : Status.FAILED_PRECONDITION;
}

function causeMessages(error: Error): string[] {
  const messages: string[] = [];
  let cause: unknown = error.cause;
  while (cause instanceof Error && messages.length < causesMax) {
    messages.push(cut(cause.message, causeBytesMax));
    cause = cause.cause;
  }
  return messages;
}

function cut(text: string, bytesMax: number): string {
  // No character takes less than one byte.
  const bytes = Buffer.from(text.slice(0, bytesMax + 1));
  if (bytes.length <= bytesMax) return text;
  return `${bytes
    .subarray(0, bytesMax)
    .toString()
    .replace(/\uFFFD+$/, '')}…`;
}

/**
 * Turns whatever a handler threw into the status that crosses the wire. A {@link MillraceError} keeps code, detail and
 * causes; anything else is a bug and becomes INTERNAL without its inner text (the server logs it).
 */
export function statusFromError(error: unknown, origin: string): StatusObject {
  const known = isMillraceError(error) ? error : new MillraceError('INTERNAL', `internal error in ${origin}`);
  const metadata = trailersOf(error);
  metadata.set(
    errorDetailKey,
    Buffer.from(
      ErrorDetail.encode({
        code: known.code,
        message: cut(known.message, messageBytesMax),
        detail: cut(known.detail ?? '', detailBytesMax),
        sqlState: known.sqlState,
        mysqlNumber: known.mysqlNumber,
        retryable: known.retryable,
        remedy: known.remedy,
        origin: originOf(known) ?? origin,
        causes: causeMessages(known),
      }).finish(),
    ),
  );
  return { code: grpcStatusOf(known), details: printable(cut(known.message, statusTextBytesMax)), metadata };
}

/** Status details travel in an HTTP/2 header; control characters are not allowed there. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, ' ');
}

const origins = new WeakMap<Error, string>();
const trailers = new WeakMap<object, Metadata>();
const refusedConnections = new WeakSet<Error>();

/** Service and address where an error that came over gRPC arose, for example `leaf 127.0.0.1:50062`. */
export function originOf(error: Error): string | undefined {
  return origins.get(error);
}

/** Whether the peer was there and the connection failed over TLS, certificates or what is spoken. */
export function isRefusedConnection(error: Error): boolean {
  return refusedConnections.has(error);
}

/** Attaches extra trailing metadata to an error before it is thrown from a handler. */
export function withTrailers<E extends Error>(error: E, extra: Readonly<Record<string, Uint8Array>>): E {
  const metadata = trailersOf(error);
  for (const [key, value] of Object.entries(extra)) metadata.set(key, Buffer.from(value));
  trailers.set(error, metadata);
  return error;
}

/** The binary trailing metadata value that came with an error, if any. */
export function trailerOf(error: unknown, key: string): Uint8Array | undefined {
  const value = trailersOf(error).get(key)[0];
  return value instanceof Buffer ? value : undefined;
}

function trailersOf(error: unknown): Metadata {
  const found = typeof error === 'object' && error !== null ? trailers.get(error) : undefined;
  return found?.clone() ?? new Metadata();
}

/**
 * Error codes for calls that failed without an {@link ErrorDetail}: the peer is gone, not ours, or the call ended. A
 * connection that breaks in the middle of a call shows as unavailable, as cancelled although nobody here cancelled, or as
 * an "internal" reset of the stream, by what the transport saw first.
 */
function codeOfBareStatus({ code, details }: ServiceError, cancelled: boolean): ErrorCode {
  switch (code) {
    case Status.CANCELLED:
      return cancelled ? 'QUERY_KILLED' : 'PEER_UNAVAILABLE';
    case Status.DEADLINE_EXCEEDED:
      return 'DEADLINE_EXCEEDED';
    case Status.RESOURCE_EXHAUSTED:
      return 'RESOURCE_LIMIT';
    case Status.UNAVAILABLE:
      return 'PEER_UNAVAILABLE';
    case Status.UNAUTHENTICATED:
      return 'ACCESS_DENIED';
    case Status.INTERNAL:
      return details.startsWith('Received RST_STREAM') ? 'PEER_UNAVAILABLE' : 'INTERNAL';
    default:
      return 'INTERNAL';
  }
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' && 'metadata' in error;
}

/** Undefined when the peer sent none, or something else under that name. */
function detailOf(error: ServiceError): ErrorDetail | undefined {
  const raw = error.metadata.get(errorDetailKey)[0];
  if (!(raw instanceof Buffer)) return undefined;
  try {
    return ErrorDetail.decode(raw);
  } catch {
    return undefined;
  }
}

/**
 * Rebuilds the error of the peer from a failed call. `peer` names whom was called, for errors without details;
 * `cancelled`: this side has cancelled the call.
 */
export function errorFromStatus(error: unknown, peer: string, cancelled = false): Error {
  if (!isServiceError(error)) return error instanceof Error ? error : new Error(String(error));
  const detail = detailOf(error);
  let known: MillraceError;
  if (detail !== undefined) {
    const code: ErrorCode = Object.hasOwn(errorCodes, detail.code) ? (detail.code as ErrorCode) : 'INTERNAL';
    known = new MillraceError(code, detail.message, {
      ...(detail.detail === '' ? {} : { detail: detail.detail }),
      ...(detail.causes.length === 0 ? {} : { cause: new Error(detail.causes.join(': ')) }),
    });
    origins.set(known, detail.origin);
  } else {
    const failure = connectFailureOf(error.details);
    const text = failure?.text ?? error.details;
    known = new MillraceError(codeOfBareStatus(error, cancelled), `call to ${peer} failed: ${text}`, {
      cause: error,
    });
    origins.set(known, peer);
    if (failure?.refused === true) refusedConnections.add(known);
  }
  trailers.set(known, error.metadata);
  return known;
}
