import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Produce (key 0), the last version before the flexible encoding. (Kafka protocol guide.) */
const produceKey = 0;
const produceVersion = 7;
const clientId = 'millrace-bench';
const timeoutMs = 30_000;

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Sends ready-made record batches to a broker that leads all partitions, and waits until it has written them. */
export class ProduceConnection {
  readonly #socket: Socket;
  readonly #waiting: Waiting[] = [];
  #received: Buffer = Buffer.alloc(0);
  #correlation = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('close', () => this.#fail(new Error('the broker closed the connection')));
    socket.on('error', (error) => this.#fail(error));
  }

  /** @param broker `host:port` */
  static async open(broker: string): Promise<ProduceConnection> {
    const [host = '', port = ''] = broker.split(':');
    const socket = connect({ host, port: Number(port), noDelay: true });
    await once(socket, 'connect');
    return new ProduceConnection(socket);
  }

  /** Requests may overlap; the broker answers in order. `batch` has been copied when this returns. */
  send(topic: string, partition: number, batch: Buffer): Promise<void> {
    const topicBytes = Buffer.byteLength(topic);
    const request = Buffer.allocUnsafe(52 + clientId.length + topicBytes + batch.length);
    let position = request.writeInt32BE(0, 0);
    position = request.writeInt16BE(produceKey, position);
    position = request.writeInt16BE(produceVersion, position);
    this.#correlation = (this.#correlation + 1) & 0x7fffffff;
    position = request.writeInt32BE(this.#correlation, position);
    position = writeString(request, position, clientId);
    position = request.writeInt16BE(-1, position); // no transactional id
    position = request.writeInt16BE(-1, position); // all in-sync replicas
    position = request.writeInt32BE(timeoutMs, position);
    position = request.writeInt32BE(1, position);
    position = writeString(request, position, topic);
    position = request.writeInt32BE(1, position);
    position = request.writeInt32BE(partition, position);
    position = request.writeInt32BE(batch.length, position);
    position += batch.copy(request, position);
    request.writeInt32BE(position - 4, 0);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ resolve, reject });
    this.#socket.write(request.subarray(0, position));
    // Whoever waits sees the failure, which may be some batches later.
    promise.catch(() => {});
    return promise;
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    while (this.#received.length >= 4) {
      const end = 4 + this.#received.readInt32BE(0);
      if (this.#received.length < end) return;
      const errorCode = errorCodeOf(this.#received.subarray(0, end));
      this.#received = this.#received.subarray(end);
      const waiting = this.#waiting.shift();
      if (errorCode === 0) waiting?.resolve();
      else waiting?.reject(new Error(`the broker refused a batch with error ${errorCode}`));
    }
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

/** Of the only partition of the only topic: size, correlation id, array, topic name, array, partition, error. */
function errorCodeOf(response: Buffer): number {
  const topicBytes = response.readInt16BE(12);
  return response.readInt16BE(14 + topicBytes + 8);
}

function writeString(target: Buffer, position: number, text: string): number {
  const start = target.writeInt16BE(text.length, position);
  return start + target.write(text, start, 'latin1');
}
