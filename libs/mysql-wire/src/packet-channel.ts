import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { type SecureContext, TLSSocket } from 'node:tls';
import { type ChunkPool, chunkBytes } from './chunk-pool.ts';
import { PacketStream } from './packet-stream.ts';
import { PacketWriter } from './packet-writer.ts';
import type { TlsState } from './session.ts';

/** A result is handed to the socket whenever this much has been encoded; larger rows go as they are. */
export const flushBytes = chunkBytes - 32 * 1024;
/** Commands received ahead of time; beyond it the socket is not read until the one in hand is answered. */
const pipelinedBytesMax = 1024 * 1024;
/** A fast reader never makes a socket fill up, so that a writer must let other connections in by itself. */
const yieldBytes = 1024 * 1024;
/** How long a client may take to read the last answer before its socket is destroyed. */
export const endGraceMs = 1000;

/** Thrown where the client has gone and there is nobody to answer. */
export class ClientGoneError extends Error {
  constructor() {
    super('the client has closed the connection');
    this.name = 'ClientGoneError';
  }
}

/** The packets of one socket in both directions, with back-pressure in both. */
export class PacketChannel {
  readonly writer: PacketWriter;
  #socket: Socket;
  readonly #stream: PacketStream;
  readonly #pool: ChunkPool;
  readonly #onGone: () => void;
  #gone = false;
  #ending = false;
  #unyieldedBytes = 0;
  /** Wakes a pending {@link read}. */
  #wakeReader: (() => void) | undefined;

  /** `onGone` is called once, when the client has closed its side or the socket has ended in any other way. */
  constructor(socket: Socket, options: { pool: ChunkPool; payloadBytesMax: number; onGone: () => void }) {
    this.#socket = socket;
    this.#pool = options.pool;
    this.#onGone = options.onGone;
    this.#stream = new PacketStream(options.payloadBytesMax);
    this.writer = new PacketWriter(options.pool);
    this.#listenTo(socket);
  }

  #listenTo(socket: Socket): void {
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('end', () => this.#leave());
    socket.on('close', () => this.#leave());
    // 'close' follows, and the reason of a broken connection helps nobody.
    socket.on('error', () => this.#leave());
  }

  /**
   * Goes on encrypted, from the bytes after the packet read last. A handshake that fails ends the connection, as seen by
   * the next read.
   */
  startTls(secureContext: SecureContext): void {
    const plain = this.#socket;
    plain.pause();
    plain.removeAllListeners('data');
    // Clients send the beginning of the TLS handshake without waiting; the TLS socket reads what the plain one holds.
    const rest = this.#stream.takeRest();
    if (rest.length > 0) plain.unshift(rest);
    const secured = new TLSSocket(plain, { isServer: true, secureContext });
    this.#listenTo(secured);
    this.#socket = secured;
  }

  /** How the connection is encrypted; undefined when it is not. */
  get tls(): TlsState | undefined {
    if (!(this.#socket instanceof TLSSocket)) return undefined;
    return { cipher: this.#socket.getCipher().name, version: this.#socket.getProtocol() ?? '' };
  }

  get gone(): boolean {
    return this.#gone;
  }

  set payloadBytesMax(bytes: number) {
    this.#stream.payloadBytesMax = bytes;
  }

  /**
   * Reads the next packet and sets the sequence id of the answer. Undefined when the connection has ended.
   *
   * @throws MillraceError PACKET_MALFORMED, PACKET_TOO_LARGE
   */
  async read(expectedSequence: number): Promise<Buffer | undefined> {
    while (!this.#gone && !this.#ending) {
      const payload = this.#takePayload(expectedSequence);
      if (payload !== undefined) return payload;
      this.#socket.resume();
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
      this.#wakeReader = undefined;
    }
    return undefined;
  }

  /**
   * Hands the encoded packets to the socket and waits while its buffer is full. An abort ends the wait, not the
   * sending; the caller looks at its signal.
   *
   * @throws ClientGoneError
   */
  async flush(signal?: AbortSignal): Promise<void> {
    if (this.#gone) throw new ClientGoneError();
    if (this.writer.position === 0) return;
    const { bytes, chunk } = this.writer.take();
    const accepted = this.#socket.write(bytes, () => this.#pool.release(chunk));
    if (!accepted) await this.#drained(signal);
    this.#unyieldedBytes += bytes.length;
    if (this.#unyieldedBytes < yieldBytes) return;
    this.#unyieldedBytes = 0;
    await setImmediate();
  }

  /** Ends the connection after what has been flushed; input from now on is discarded. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#wakeReader?.();
    this.#socket.resume();
    this.#socket.end();
    this.destroyLater();
  }

  /** Ends the connection after a grace period, whether the client reads what was sent or not. */
  destroyLater(): void {
    if (this.#socket.closed) return;
    const timer = setTimeout(() => this.#socket.destroy(), endGraceMs);
    this.#socket.once('close', () => clearTimeout(timer));
  }

  /** Ends the connection at once. */
  destroy(): void {
    this.#socket.destroy();
  }

  #takePayload(expectedSequence: number): Buffer | undefined {
    try {
      return this.#stream.next(expectedSequence);
    } finally {
      this.writer.sequence = this.#stream.sequenceNext;
    }
  }

  #receive(chunk: Buffer): void {
    if (this.#ending) return;
    this.#stream.push(chunk);
    if (this.#wakeReader !== undefined) this.#wakeReader();
    else if (this.#stream.bufferedBytes > pipelinedBytesMax) this.#socket.pause();
  }

  #leave(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#wakeReader?.();
    this.#onGone();
  }

  #drained(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return resolve();
      const settle = (): void => {
        this.#socket.off('drain', settle);
        this.#socket.off('close', settle);
        signal?.removeEventListener('abort', settle);
        if (this.#gone) reject(new ClientGoneError());
        else resolve();
      };
      this.#socket.on('drain', settle);
      this.#socket.on('close', settle);
      signal?.addEventListener('abort', settle);
    });
  }
}
