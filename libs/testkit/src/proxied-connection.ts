import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** `up` is from client to server. */
export type Direction = 'up' | 'down';

export interface TrafficShape {
  readonly delayMs?: number;
  readonly bytesPerSecond?: number;
}

/** How much a flow holds before its sender has to wait, about as much as sockets do. */
const heldBytesMax = 1 << 20;
const shapedChunkBytes = 4096;
const lateDeliveryMs = 1_000;

/** One connection through a {@link FaultProxy}: two sockets and a flow in each direction. */
export class ProxiedConnection {
  /** 1 for the first that the proxy accepted. */
  readonly number: number;
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #up: Flow;
  readonly #down: Flow;
  #clientLost = false;
  #serverLost = false;

  constructor(number: number, client: Socket, serverPort: number) {
    this.number = number;
    this.#client = client;
    this.#server = connect({ host: '127.0.0.1', port: serverPort, allowHalfOpen: true });
    for (const socket of [this.#client, this.#server]) socket.setNoDelay(true);
    this.#up = new Flow(this.#client, this.#server);
    this.#down = new Flow(this.#server, this.#client);
  }

  /** Told when both sockets are closed. */
  onGone(gone: () => void): void {
    let open = 2;
    for (const socket of [this.#client, this.#server]) {
      socket.once('close', () => {
        open -= 1;
        if (open === 0) gone();
      });
    }
  }

  shape(shape: TrafficShape): void {
    for (const flow of [this.#up, this.#down]) flow.shape(shape);
  }

  hold(...directions: readonly Direction[]): void {
    for (const direction of directions) (direction === 'up' ? this.#up : this.#down).hold();
  }

  /** Ends the server's side; the client learns of it when the connection heals. */
  loseServer(): void {
    this.#serverLost = true;
    this.#discard();
    this.#server.resetAndDestroy();
  }

  /** Ends the client's side; what it sent reaches the server when the connection heals. */
  loseClient(): void {
    this.#clientLost = true;
    this.#up.seal();
    this.#down.discard();
    this.#client.resetAndDestroy();
  }

  reset(): void {
    this.#discard();
    this.#client.resetAndDestroy();
    this.#server.resetAndDestroy();
  }

  heal(): void {
    if (this.#serverLost) {
      this.#client.resetAndDestroy();
      return;
    }
    for (const flow of [this.#up, this.#down]) {
      flow.shape({});
      flow.release();
    }
    // The server would wait for a client that has long gone.
    if (this.#clientLost) setTimeout(() => this.reset(), lateDeliveryMs).unref();
  }

  #discard(): void {
    this.#up.discard();
    this.#down.discard();
  }
}

type Item = { readonly bytes: Buffer; readonly arrivedMs: number } | 'end' | 'reset';

/** Passes on what one socket sends to another, ends and resets included, in order. */
class Flow {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #items: Item[] = [];
  #heldBytes = 0;
  #shape: TrafficShape = {};
  #held = false;
  #sealed = false;
  #discarding = false;
  #wake: () => void = () => {};

  constructor(from: Socket, to: Socket) {
    this.#from = from;
    this.#to = to;
    from.on('data', (bytes: Buffer) => {
      if (this.#sealed || this.#discarding) return;
      this.#heldBytes += bytes.length;
      if (this.#heldBytes > heldBytesMax) from.pause();
      this.#add({ bytes, arrivedMs: performance.now() });
    });
    from.on('end', () => this.#add('end'));
    from.on('error', () => this.#add('reset'));
    from.on('close', () => this.#add(from.readableEnded ? 'end' : 'reset'));
    to.on('close', () => this.#wake());
    from.resume();
    void this.#pass();
  }

  shape(shape: TrafficShape): void {
    this.#shape = shape;
    this.#wake();
  }

  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    this.#wake();
  }

  /** Passes on what has been sent, and nothing that comes later. */
  seal(): void {
    this.#sealed = true;
    this.#from.resume();
  }

  /** Passes nothing on any more. */
  discard(): void {
    this.#discarding = true;
    this.#items.length = 0;
    this.#from.resume();
    this.#wake();
  }

  #add(item: Item): void {
    if (this.#sealed || this.#discarding) return;
    this.#items.push(item);
    this.#wake();
  }

  async #pass(): Promise<void> {
    while (!this.#discarding && !this.#to.destroyed) {
      const item = this.#held ? undefined : this.#items.shift();
      if (item === undefined) {
        await this.#woken();
      } else if (item === 'end') {
        this.#to.end();
      } else if (item === 'reset') {
        this.#to.resetAndDestroy();
      } else {
        await this.#passBytes(item);
      }
    }
    this.#from.resume();
  }

  async #passBytes({ bytes, arrivedMs }: { readonly bytes: Buffer; readonly arrivedMs: number }) {
    const { delayMs = 0 } = this.#shape;
    const dueInMs = arrivedMs + delayMs - performance.now();
    if (delayMs > 0 && dueInMs > 0) await sleep(dueInMs);
    for (let begin = 0; begin < bytes.length; ) {
      // Looked up for every piece: a fault may begin or end meanwhile.
      while (this.#held && !this.#discarding) await this.#woken();
      const { bytesPerSecond } = this.#shape;
      const end = bytesPerSecond === undefined ? bytes.length : begin + shapedChunkBytes;
      const piece = bytes.subarray(begin, end);
      begin += piece.length;
      if (bytesPerSecond !== undefined) await sleep((piece.length / bytesPerSecond) * 1_000);
      if (this.#discarding || this.#to.destroyed) return;
      if (!this.#to.write(piece)) await this.#drained();
    }
    this.#heldBytes -= bytes.length;
    if (this.#heldBytes <= heldBytesMax) this.#from.resume();
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#to.off('drain', done);
        this.#to.off('close', done);
        resolve();
      };
      this.#to.on('drain', done);
      this.#to.on('close', done);
    });
  }
}
