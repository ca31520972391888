import type { Socket } from 'node:net';
import { FrameBuffer } from './frame-buffer.ts';

/** What is sent back for a request: the buffers of one response, nothing, or the end of the connection. */
export type Reply = readonly Buffer[] | 'nothing' | 'close';

export interface ConnectionOptions {
  readonly requestBytesMax: number;
  /** Answers one request; a rejection ends the connection. `signal` is aborted when the client is gone. */
  readonly answer: (request: Buffer, signal: AbortSignal) => Promise<Reply>;
  /** Told why the connection is ended from this side. */
  readonly onFailure: (error: unknown) => void;
}

/** Requests that a client sends ahead are read up to about this size; then its socket has to wait. */
const readAheadBytesMax = 1 << 20;

const idleTimeoutMs = 600_000;

/**
 * Serves one connection: requests are answered one after the other, in order, as Kafka does, so that a client may send
 * the next before the last is answered. A client that does not read its responses gets no further requests handled.
 * Requests that arrived before the client closed its side are still handled: a producer that wants no acknowledgement
 * may close as soon as it has sent. The server has to allow half-open sockets for that.
 */
export class Connection {
  /** Resolves when the socket is closed and no request is being handled any more. */
  readonly ended: Promise<void>;
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #frames: FrameBuffer;
  readonly #abort = new AbortController();
  #busy = false;
  #work: Promise<void> = Promise.resolve();

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#frames = new FrameBuffer(options.requestBytesMax);
    socket.setNoDelay(true);
    socket.setTimeout(idleTimeoutMs, () => socket.destroy());
    // A reset by the client; 'close' follows.
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('end', () => {
      this.#abort.abort();
      if (!this.#busy) socket.destroy();
    });
    this.ended = new Promise<void>((resolve) => socket.once('close', () => resolve())).then(() => {
      this.#abort.abort();
      return this.#work;
    });
  }

  /** Closes the socket at once; requests in hand are aborted. */
  destroy(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    this.#frames.push(chunk);
    if (!this.#busy) {
      this.#busy = true;
      this.#work = this.#answerAll();
    } else if (this.#frames.bufferedBytes > readAheadBytesMax) {
      this.#socket.pause();
    }
  }

  async #answerAll(): Promise<void> {
    try {
      for (let request = this.#frames.next(); request !== undefined; request = this.#frames.next()) {
        const reply = await this.#options.answer(request, this.#abort.signal);
        if (reply === 'close') {
          this.#socket.destroy();
          return;
        }
        if (reply !== 'nothing' && !this.#socket.destroyed) await this.#send(reply);
      }
      if (this.#socket.readableEnded) this.#socket.destroy();
      this.#socket.resume();
    } catch (error) {
      if (!this.#socket.destroyed) this.#options.onFailure(error);
      this.#socket.destroy();
    } finally {
      this.#busy = false;
    }
  }

  async #send(buffers: readonly Buffer[]): Promise<void> {
    this.#socket.cork();
    for (const buffer of buffers) this.#socket.write(buffer);
    this.#socket.uncork();
    if (this.#socket.writableNeedDrain) await this.#drained();
  }

  #drained(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#socket.once('drain', resolve).once('close', resolve);
    return promise.finally(() => this.#socket.off('drain', resolve).off('close', resolve));
  }
}
