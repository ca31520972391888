import { Server, type ServiceDefinition, setLogger, type UntypedServiceImplementation } from '@grpc/grpc-js';
import {
  type HealthServer,
  HealthService,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '@millrace/proto/grpc/health/v1/health';
import { listenError } from '@millrace/runtime/listen-error';
import type { Logger } from '@millrace/runtime/logger';
import { hostAndPort } from '@millrace/runtime/node-options';
import { Handlers } from './handlers.ts';
import { channelOptions } from './limits.ts';
import { type NodeSecurity, noSecurity, serverCredentialsOf, serverInterceptorsOf } from './node-security.ts';
import { addReflection } from './reflection.ts';
import { noteTlsRefusals, RefusalLog } from './refusal-log.ts';

/** A service with its handlers, as `RpcServer` takes it. */
export interface ServiceBinding {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

export interface RpcServerOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly services: readonly ServiceBinding[];
  readonly logger: Logger;
  /** Offers server reflection; for the ports that clients use. */
  readonly reflection?: boolean;
  /** What callers must show; nothing unless given. */
  readonly security?: NodeSecurity;
}

/**
 * A gRPC server with the standard health service. `start` serves at once but reports NOT_SERVING until `ready()`;
 * `drain` reports NOT_SERVING again and waits for calls to end; `stop` cancels what is left.
 */
export class RpcServer {
  readonly #options: RpcServerOptions;
  readonly #server: Server;
  readonly #security: NodeSecurity;
  readonly #refusals: RefusalLog;
  #serving = false;
  #draining = false;
  readonly #watchers = new Set<() => void>();

  constructor(options: RpcServerOptions) {
    this.#options = options;
    routeLibraryLog(options.logger);
    this.#security = options.security ?? noSecurity;
    this.#refusals = new RefusalLog(options.logger);
    const origin = hostAndPort(options.host, options.port);
    const interceptors = serverInterceptorsOf(this.#security, origin, this.#refusals);
    this.#server = new Server({ ...channelOptions, interceptors });
    for (const { definition, implementation } of options.services)
      this.#server.addService(definition, implementation);
    this.#server.addService(HealthService, this.#health());
    if (options.reflection === true) {
      const definitions = [...options.services.map(({ definition }) => definition), HealthService];
      addReflection(this.#server, definitions);
    }
  }

  /** Binds and serves; resolves to the port. Throws OPTION_INVALID when the address cannot be bound. */
  start(): Promise<number> {
    const address = hostAndPort(this.#options.host, this.#options.port);
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, serverCredentialsOf(this.#security), (error, bound) => {
        if (error === null) {
          noteTlsRefusals(this.#server, this.#refusals);
          resolve(bound);
        } else reject(listenError('gRPC', address, error));
      });
    });
  }

  ready(): void {
    this.#setServing(true);
  }

  /** Refuses new calls and waits for open ones, at most `deadlineMs`. */
  async drain(deadlineMs: number): Promise<void> {
    this.#draining = true;
    this.#setServing(false);
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([
      new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve())),
      new Promise<void>((resolve) => {
        timer = setTimeout(resolve, deadlineMs);
      }),
    ]);
    clearTimeout(timer);
  }

  stop(): void {
    this.#setServing(false);
    this.#server.forceShutdown();
  }

  #setServing(serving: boolean): void {
    this.#serving = serving;
    for (const notify of this.#watchers) notify();
  }

  #status(): { status: ServingStatus } {
    return { status: this.#serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING };
  }

  #health(): HealthServer {
    const handlers = new Handlers('health', this.#options.logger);
    const watch = (signal: AbortSignal) => this.#watch(signal);
    return {
      check: handlers.unary(() => Promise.resolve(this.#status())),
      watch: handlers.serverStreaming((_request, { signal }) => watch(signal)),
    };
  }

  async *#watch(signal: AbortSignal): AsyncGenerator<{ status: ServingStatus }> {
    let last: ServingStatus | undefined;
    while (!signal.aborted) {
      const current = this.#status();
      if (current.status !== last) {
        last = current.status;
        yield current;
      }
      // A watch that stayed open would keep the drain from ending.
      if (this.#draining) return;
      await new Promise<void>((resolve) => {
        const done = () => {
          this.#watchers.delete(done);
          signal.removeEventListener('abort', done);
          resolve();
        };
        this.#watchers.add(done);
        signal.addEventListener('abort', done, { once: true });
      });
    }
  }
}

/** Left alone, grpc-js writes lines of its own to stderr, in no format of ours. The process has one such log. */
function routeLibraryLog(logger: Logger): void {
  const route = (level: 'debug' | 'warn') => (text: unknown) => logger[level]('gRPC library', { text });
  setLogger({ debug: route('debug'), info: route('debug'), error: route('warn') });
}
