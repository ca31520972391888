import {
  type CallOptions,
  type ChannelCredentials,
  type Client,
  type ClientDuplexStream,
  type ClientOptions,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  connectivityState,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import { errorFromStatus } from './error-details.ts';
import { channelOptions, connectMsMaxDefault } from './limits.ts';
import {
  channelCredentialsOf,
  clientInterceptorsOf,
  type NodeSecurity,
  noSecurity,
} from './node-security.ts';

export interface CallSettings {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds until the call fails with DEADLINE_EXCEEDED. */
  readonly deadlineMs?: number;
}

type UnaryMethod<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Response) => void,
) => ClientUnaryCall;

type ServerStreamMethod<Request, Response> = (
  request: Request,
  options: Partial<CallOptions>,
) => ClientReadableStream<Response>;

type ClientStreamMethod<Request, Response> = (
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Response) => void,
) => ClientWritableStream<Request>;

type BidirectionalMethod<Request, Response> = (
  options: Partial<CallOptions>,
) => ClientDuplexStream<Request, Response>;

function optionsOf(settings: CallSettings): Partial<CallOptions> {
  return settings.deadlineMs === undefined ? {} : { deadline: Date.now() + settings.deadlineMs };
}

function cancelOnAbort(signal: AbortSignal | undefined, call: { cancel(): void }): () => void {
  if (signal === undefined) return () => {};
  const cancel = () => call.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  if (signal.aborted) cancel();
  return () => signal.removeEventListener('abort', cancel);
}

function peerOf(client: Client): string {
  return client.getChannel().getTarget().replace(/^dns:/, '');
}

/** Calls a unary method. Rejects with the peer's own MillraceError. */
export function callUnary<Request, Response>(
  client: Client,
  method: UnaryMethod<Request, Response>,
  request: Request,
  settings: CallSettings = {},
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const call = method.call(client, request, new Metadata(), optionsOf(settings), (error, response) => {
      release();
      if (error === null) resolve(response);
      else reject(errorFromStatus(error, peerOf(client), settings.signal?.aborted));
    });
    const release = cancelOnAbort(settings.signal, call);
  });
}

/** Calls a server-streaming method. Leaving the loop early cancels the call. */
export async function* callServerStream<Request, Response>(
  client: Client,
  method: ServerStreamMethod<Request, Response>,
  request: Request,
  settings: CallSettings = {},
): AsyncGenerator<Response, void, undefined> {
  const call = method.call(client, request, optionsOf(settings));
  yield* responsesOf(client, call, settings.signal);
}

async function* responsesOf<Response>(
  client: Client,
  call: ClientReadableStream<Response> | ClientDuplexStream<unknown, Response>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Response, void, undefined> {
  const release = cancelOnAbort(signal, call);
  let ended = false;
  try {
    for await (const response of call as AsyncIterable<Response>) yield response;
    ended = true;
  } catch (error) {
    ended = true;
    throw errorFromStatus(error, peerOf(client), signal?.aborted);
  } finally {
    release();
    if (!ended) call.cancel();
  }
}

/** Calls a client-streaming method; requests are written as fast as the peer takes them. */
export function callClientStream<Request, Response>(
  client: Client,
  method: ClientStreamMethod<Request, Response>,
  requests: AsyncIterable<Request> | Iterable<Request>,
  settings: CallSettings = {},
): Promise<Response> {
  return new Promise((resolve, reject) => {
    let failure: unknown;
    const call = method.call(client, new Metadata(), optionsOf(settings), (error, response) => {
      release();
      if (error === null) resolve(response);
      else reject(failure ?? errorFromStatus(error, peerOf(client), settings.signal?.aborted));
    });
    const release = cancelOnAbort(settings.signal, call);
    sendAll(call, requests).catch((error: unknown) => {
      failure = error;
      call.cancel();
    });
  });
}

/** Calls a bidirectional method. Leaving the loop early, or an error of `requests`, cancels the call. */
export async function* callBidirectional<Request, Response>(
  client: Client,
  method: BidirectionalMethod<Request, Response>,
  requests: AsyncIterable<Request> | Iterable<Request>,
  settings: CallSettings = {},
): AsyncGenerator<Response, void, undefined> {
  const call = method.call(client, optionsOf(settings));
  let failure: unknown;
  sendAll(call, requests).catch((error: unknown) => {
    failure = error;
    call.cancel();
  });
  try {
    yield* responsesOf(client, call, settings.signal);
  } catch (error) {
    throw failure ?? error;
  }
}

async function sendAll<Request>(
  call: ClientWritableStream<Request>,
  requests: AsyncIterable<Request> | Iterable<Request>,
): Promise<void> {
  // The call's own error reaches its callback or reader; here it only has to end the writing.
  let open = true;
  const closed = new Promise<void>((resolve) => {
    const close = () => {
      open = false;
      resolve();
    };
    call.once('close', close);
    call.once('error', close);
    call.once('status', close);
  });
  for await (const request of requests) {
    if (!open) return;
    if (!call.write(request))
      await Promise.race([new Promise<void>((resolve) => call.once('drain', resolve)), closed]);
  }
  if (open) call.end();
}

type ClientClass<C extends Client> = new (
  address: string,
  credentials: ChannelCredentials,
  options?: Partial<ClientOptions>,
) => C;

/** A client that was asked for within this time is kept whatever its state: its caller is about to use it. */
const freshMs = 60_000;

export interface ChannelPoolSettings {
  readonly nowMs?: () => number;
  /** Longest time in which a client finds no connection, in ms. */
  readonly connectMsMax?: number;
}

/**
 * One client per address, made on first use, all showing the same identity. Ask for the client at each call: one whose
 * connection has been closed for lack of calls is forgotten, as its peer may have left for good. So is one that finds no
 * connection for a while, and with it the calls that wait for one: gRPC itself would wait as long as the system does for a
 * peer that swallows what it is sent, minutes, at an address that may no longer be the peer's.
 */
export class ChannelPool<C extends Client> {
  readonly #construct: ClientClass<C>;
  readonly #credentials: ChannelCredentials;
  readonly #options: Partial<ClientOptions>;
  readonly #clients = new Map<string, { readonly client: C; usedAt: number }>();
  readonly #nowMs: () => number;
  readonly #connectMsMax: number;
  #sweptAt: number;

  constructor(
    construct: ClientClass<C>,
    security: NodeSecurity = noSecurity,
    { nowMs = () => performance.now(), connectMsMax = connectMsMaxDefault }: ChannelPoolSettings = {},
  ) {
    this.#construct = construct;
    this.#credentials = channelCredentialsOf(security);
    this.#options = { ...channelOptions, interceptors: clientInterceptorsOf(security) };
    this.#nowMs = nowMs;
    this.#connectMsMax = connectMsMax;
    this.#sweptAt = nowMs();
  }

  /** The client for "host:port". */
  get(address: string): C {
    const usedAt = this.#nowMs();
    if (usedAt - this.#sweptAt >= freshMs) this.#sweep(usedAt);
    const known = this.#clients.get(address);
    if (known !== undefined) {
      known.usedAt = usedAt;
      return known.client;
    }
    const client = new this.#construct(address, this.#credentials, this.#options);
    this.#clients.set(address, { client, usedAt });
    this.#watch(address, client);
    return client;
  }

  /** Forgets a client that has found no connection for too long. */
  #watch(address: string, client: C): void {
    const channel = client.getChannel();
    const state = channel.getConnectivityState(false);
    if (state === connectivityState.SHUTDOWN) return;
    const searching = state === connectivityState.CONNECTING || state === connectivityState.TRANSIENT_FAILURE;
    const deadline = searching ? Date.now() + this.#connectMsMax : Number.POSITIVE_INFINITY;
    channel.watchConnectivityState(state, deadline, (late) => {
      if (late === undefined) this.#watch(address, client);
      else this.drop(address);
    });
  }

  /** Number of addresses that have a client. */
  get size(): number {
    return this.#clients.size;
  }

  #sweep(nowMs: number): void {
    this.#sweptAt = nowMs;
    for (const [address, { client, usedAt }] of this.#clients) {
      // Without a connection there is no call either.
      const idle = client.getChannel().getConnectivityState(false) === connectivityState.IDLE;
      if (idle && nowMs - usedAt >= freshMs) this.drop(address);
    }
  }

  /** Closes one client, when its peer has left. */
  drop(address: string): void {
    this.#clients.get(address)?.client.close();
    this.#clients.delete(address);
  }

  close(): void {
    for (const { client } of this.#clients.values()) client.close();
    this.#clients.clear();
  }
}
