import type {
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  Metadata,
  ServiceError,
} from '@grpc/grpc-js';
import { isMillraceError, MillraceError } from '@millrace/errors/millrace-error';
import type { Logger } from '@millrace/runtime/logger';
import { statusFromError } from './error-details.ts';

/** What a handler knows of its call. The signal aborts when the client cancels, its deadline passes or it is gone. */
export interface CallContext {
  readonly signal: AbortSignal;
  readonly metadata: Metadata;
  /** "host:port" of the caller. */
  readonly peer: string;
}

/**
 * Adapters from promises and async iterables to the handler shapes of grpc-js. Errors thrown by a handler cross the
 * wire whole (see error-details.ts); streams stop reading and writing while the other side is slow.
 */
export class Handlers {
  readonly #origin: () => string;
  readonly #logger: Logger;

  /** `origin` names this server in errors, for example `leaf 127.0.0.1:50062`; its port may be known later. */
  constructor(origin: string | (() => string), logger: Logger) {
    this.#origin = typeof origin === 'string' ? () => origin : origin;
    this.#logger = logger;
  }

  unary<Request, Response>(
    handle: (request: Request, context: CallContext) => Promise<Response>,
  ): handleUnaryCall<Request, Response> {
    return (call, callback) => {
      const context = contextOf(call);
      handle(call.request, context).then(
        (response) => callback(null, response),
        (error: unknown) => callback(this.#serviceError(error)),
      );
    };
  }

  serverStreaming<Request, Response>(
    handle: (request: Request, context: CallContext) => AsyncIterable<Response>,
  ): handleServerStreamingCall<Request, Response> {
    return (call) => {
      const context = contextOf(call);
      this.#pump(() => handle(call.request, context), call, context);
    };
  }

  clientStreaming<Request, Response>(
    handle: (requests: AsyncIterable<Request>, context: CallContext) => Promise<Response>,
  ): handleClientStreamingCall<Request, Response> {
    return (call, callback) => {
      const context = contextOf(call);
      handle(requestsOf(call, context.signal), context).then(
        (response) => callback(null, response),
        (error: unknown) => callback(this.#serviceError(error)),
      );
    };
  }

  bidirectional<Request, Response>(
    handle: (requests: AsyncIterable<Request>, context: CallContext) => AsyncIterable<Response>,
  ): handleBidiStreamingCall<Request, Response> {
    return (call) => {
      const context = contextOf(call);
      this.#pump(() => handle(requestsOf(call, context.signal), context), call, context);
    };
  }

  #pump<Response>(
    open: () => AsyncIterable<Response>,
    call: WritableCall<Response>,
    context: CallContext,
  ): void {
    writeAll(open, call, context.signal).then(
      () => call.end(),
      (error: unknown) => {
        if (!context.signal.aborted) call.emit('error', this.#serviceError(error));
      },
    );
  }

  #serviceError(error: unknown): Partial<ServiceError> {
    if (!isMillraceError(error)) {
      this.#logger.error('bug: unexpected error in a gRPC handler', {
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
    }
    return statusFromError(error, this.#origin());
  }
}

/** What a server-streaming and a bidirectional call have in common on the writing side. */
interface WritableCall<Response> {
  write(response: Response): boolean;
  end(): unknown;
  emit(event: 'error', error: Partial<ServiceError>): boolean;
  once(event: 'drain', listener: () => void): unknown;
  off(event: 'drain', listener: () => void): unknown;
}

function contextOf(call: {
  readonly metadata: Metadata;
  readonly cancelled: boolean;
  getPeer(): string;
  on(event: 'cancelled', listener: () => void): unknown;
}): CallContext {
  const abort = new AbortController();
  // A reason of ours: whatever it interrupts ends with a known error instead of looking like a bug.
  const cancel = () => abort.abort(new MillraceError('QUERY_KILLED', 'the caller has cancelled or is gone'));
  call.on('cancelled', cancel);
  if (call.cancelled) cancel();
  return { signal: abort.signal, metadata: call.metadata, peer: call.getPeer() };
}

async function writeAll<Response>(
  open: () => AsyncIterable<Response>,
  call: WritableCall<Response>,
  signal: AbortSignal,
): Promise<void> {
  for await (const response of open()) {
    if (signal.aborted) return;
    if (!call.write(response)) await drained(call, signal);
  }
}

function drained(call: WritableCall<never>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      call.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    call.once('drain', done);
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}

/** Ends (instead of throwing) when the call is cancelled: the handler sees its signal aborted. */
async function* requestsOf<Request>(
  call: RequestStream<Request>,
  signal: AbortSignal,
): AsyncIterable<Request> {
  try {
    // Leaving the loop early must not destroy the call: an error, or the rest of the answer, still has to go out on it.
    for await (const request of call.iterator({ destroyOnReturn: false })) yield request;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

interface RequestStream<Request> {
  iterator(options: { destroyOnReturn: boolean }): AsyncIterable<Request>;
}
