import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { listenError } from './listen-error.ts';
import type { MetricRegistry } from './metrics.ts';

export interface HttpServerOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly metrics: MetricRegistry;
  /** Why the process is not ready to serve, or null when it is. */
  readonly notReadyReason: () => string | null;
}

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

const text = 'text/plain; charset=utf-8';

/** The operators' port: `/healthz` (alive), `/readyz` (serving), `/metrics` (Prometheus). */
export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly #server: Server;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#server = createServer({ requestTimeout: 10_000, maxHeaderSize: 16_384 }, (request, response) => {
      const path = (request.url ?? '/').split('?')[0] ?? '/';
      this.#answer(request.method ?? 'GET', path).then(
        ({ status, contentType, body }) =>
          response.writeHead(status, { 'content-type': contentType }).end(body),
        () => response.writeHead(500).end(),
      );
    });
  }

  async #answer(method: string, path: string): Promise<Answer> {
    if (method !== 'GET' && method !== 'HEAD') return { status: 405, contentType: text, body: 'GET only\n' };
    switch (path) {
      case '/healthz':
        return { status: 200, contentType: text, body: 'ok\n' };
      case '/readyz': {
        const reason = this.#options.notReadyReason();
        return { status: reason === null ? 200 : 503, contentType: text, body: `${reason ?? 'ready'}\n` };
      }
      case '/metrics': {
        const { metrics } = this.#options;
        return { status: 200, contentType: metrics.contentType, body: await metrics.text() };
      }
      default:
        return { status: 404, contentType: text, body: 'try /healthz, /readyz or /metrics\n' };
    }
  }

  /** Serves; resolves to the port. Throws OPTION_INVALID when the address cannot be bound. */
  start(): Promise<number> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      // It stays: a failed accept (no file descriptors, for example) concerns that client only.
      this.#server.on('error', (cause) => {
        reject(listenError('HTTP', `${host}:${port}`, cause));
      });
      this.#server.listen(port, host, () => resolve((this.#server.address() as AddressInfo).port));
    });
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}
