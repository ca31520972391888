import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { AbortedTransaction } from '../aborted-transactions.ts';
import { parseRecordBatchHeader } from '../record-batch-header.ts';
import { ResponseReader } from '../response-reader.ts';

/** One partition's log as the brokers of a {@link FakeCluster} serve it. */
export interface FakePartition {
  leader: number;
  batches: Buffer[];
  logStart: bigint;
  highWatermark: bigint;
  lastStableOffset: bigint;
  abortedTransactions: AbortedTransaction[];
}

export interface FakeFetch {
  readonly node: number;
  readonly bytesMax: number;
  readonly partitions: readonly { readonly partition: number; readonly offset: bigint }[];
}

/** What a hook may answer a fetch with in place of the log: an error of one partition, raw bytes, or nothing at all. */
export type FakeFetchAnswer =
  | { readonly kind: 'log' }
  | { readonly kind: 'partition error'; readonly partition: number; readonly errorCode: number }
  | { readonly kind: 'payload'; readonly change: (payload: Buffer) => Buffer }
  | { readonly kind: 'close' }
  | { readonly kind: 'silence' };

/** A Kafka cluster of scripted brokers on loopback, for faults that a real one cannot be asked for. One topic: `events`. */
export class FakeCluster {
  readonly partitions: FakePartition[];
  readonly fetches: FakeFetch[] = [];
  readonly requestCounts = new Map<number, number>();
  onFetch: (fetch: FakeFetch) => FakeFetchAnswer = () => ({ kind: 'log' });
  /** Replaces the first bytes on every connection, before any protocol. */
  greeting: Buffer | undefined;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  #ports: number[] = [];

  constructor(partitions: readonly (Partial<FakePartition> & { batches: Buffer[] })[]) {
    this.partitions = partitions.map((partition) => {
      const last = partition.batches.at(-1);
      const end = last === undefined ? 0n : parseRecordBatchHeader(last, 0, fakeTopic).lastOffset + 1n;
      const defaults = {
        leader: 0,
        logStart: 0n,
        highWatermark: end,
        lastStableOffset: end,
        abortedTransactions: [],
      };
      return { ...defaults, ...partition };
    });
  }

  async start(brokerCount = 1): Promise<string> {
    for (let node = 0; node < brokerCount; node++) {
      const server = createServer((socket) => this.#serve(node, socket));
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      this.#servers.push(server);
      const address = server.address();
      this.#ports.push(typeof address === 'object' && address !== null ? address.port : 0);
    }
    return this.#ports.map((port) => `127.0.0.1:${port}`).join(',');
  }

  stop(): void {
    for (const socket of this.#sockets) socket.destroy();
    for (const server of this.#servers) server.close();
  }

  get connectionCount(): number {
    return this.#sockets.size;
  }

  #serve(node: number, socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => {});
    if (this.greeting !== undefined) socket.write(this.greeting);
    let received = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
        const end = 4 + received.readInt32BE(0);
        this.#answer(node, socket, received.subarray(4, end));
        received = received.subarray(end);
      }
    });
  }

  #answer(node: number, socket: Socket, bytes: Buffer): void {
    const reader = new ResponseReader(bytes);
    const apiKey = reader.int16();
    reader.int16(); // version
    const correlationId = reader.int32();
    reader.nullableString(); // client id
    this.requestCounts.set(apiKey, (this.requestCounts.get(apiKey) ?? 0) + 1);
    const reply = (payload: Buffer) => {
      const header = Buffer.concat([int32(payload.length + 4), int32(correlationId)]);
      socket.write(Buffer.concat([header, payload]));
    };
    if (apiKey === 18) reply(apiVersions());
    else if (apiKey === 3) reply(this.#metadata(reader));
    else if (apiKey === 2) reply(this.#listOffsets(reader));
    else if (apiKey === 1) this.#fetch(node, reader, reply, socket);
    else socket.destroy();
  }

  #metadata(reader: ResponseReader): Buffer {
    const [topic] = reader.array(2, () => reader.string());
    const nodes = this.#ports.map((port, node) => [int32(node), text('127.0.0.1'), int32(port), int16(-1)]);
    const known = topic === fakeTopic.topic;
    const partitions = this.partitions.map(({ leader }, partition) =>
      [int16(0), int32(partition), int32(leader), array([]), array([]), array([])].flat(),
    );
    return Buffer.concat([
      int32(0),
      ...array(nodes),
      int16(-1),
      int32(0),
      ...array([
        [int16(known ? 0 : 3), text(topic ?? ''), Buffer.from([0]), ...array(known ? partitions : [])],
      ]),
    ]);
  }

  #listOffsets(reader: ResponseReader): Buffer {
    reader.int32(); // replica
    const committed = readInt8(reader) === 1;
    const topics = reader.array(2, () => {
      const topic = reader.string();
      const partitions = reader.array(12, () => ({ partition: reader.int32(), timestamp: reader.int64() }));
      return [
        text(topic),
        ...array(
          partitions.map(({ partition, timestamp }) => {
            const log = this.partitions[partition];
            const latest = committed ? log?.lastStableOffset : log?.highWatermark;
            const offset = timestamp === -2n ? log?.logStart : latest;
            return [int32(partition), int16(0), int64(-1n), int64(offset ?? -1n)];
          }),
        ),
      ];
    });
    return Buffer.concat([int32(0), ...array(topics)]);
  }

  #fetch(node: number, reader: ResponseReader, reply: (payload: Buffer) => void, socket: Socket): void {
    reader.int32(); // replica
    reader.int32(); // wait
    reader.int32(); // bytes min
    const bytesMax = reader.int32();
    const committed = readInt8(reader) === 1;
    reader.int32(); // session
    reader.int32(); // session epoch
    const [partitions = []] = reader.array(2, () => {
      reader.string();
      return reader.array(28, () => {
        const partition = reader.int32();
        reader.int32(); // leader epoch
        const offset = reader.int64();
        reader.int64(); // log start
        reader.int32(); // bytes
        return { partition, offset };
      });
    });
    const fetch = { node, bytesMax, partitions };
    this.fetches.push(fetch);
    const answer = this.onFetch(fetch);
    if (answer.kind === 'close') socket.destroy();
    if (answer.kind === 'close' || answer.kind === 'silence') return;
    let bytesLeft = bytesMax;
    const answers = partitions.map(({ partition, offset }) => {
      const log = this.partitions[partition];
      const asked =
        answer.kind === 'partition error' && answer.partition === partition ? answer.errorCode : 0;
      if (log === undefined) throw new Error(`no partition ${partition}`);
      const outOfRange = offset < log.logStart || offset > log.highWatermark;
      const errorCode = log.leader !== node ? 6 : outOfRange ? 1 : asked;
      const readableEnd = committed ? log.lastStableOffset : log.highWatermark;
      const records =
        errorCode === 0 ? readBatches(log.batches, offset, readableEnd, bytesLeft) : Buffer.alloc(0);
      bytesLeft -= records.length;
      const aborted = committed ? log.abortedTransactions : [];
      return [
        int32(partition),
        int16(errorCode),
        int64(errorCode === 0 ? log.highWatermark : -1n),
        int64(errorCode === 0 ? log.lastStableOffset : -1n),
        int64(errorCode === 0 ? log.logStart : -1n),
        ...array(aborted.map(({ producerId, firstOffset }) => [int64(producerId), int64(firstOffset)])),
        int32(-1),
        int32(records.length),
        records,
      ];
    });
    const header = [int32(0), int16(0), int32(0)];
    const payload = Buffer.concat([...header, ...array([[text(fakeTopic.topic), ...array(answers)]])]);
    reply(answer.kind === 'payload' ? answer.change(payload) : payload);
  }
}

export const fakeTopic = { topic: 'events', partition: 0 };

/** Whole batches from the one that holds `offset`, then a cut-off one, as brokers send them. */
function readBatches(
  batches: readonly Buffer[],
  offset: bigint,
  readableEnd: bigint,
  bytesMax: number,
): Buffer {
  const wanted = batches.filter((batch) => {
    const { baseOffset, lastOffset } = parseRecordBatchHeader(batch, 0, fakeTopic);
    return lastOffset >= offset && baseOffset < readableEnd;
  });
  const [first] = wanted;
  if (first === undefined || bytesMax <= 0) return Buffer.alloc(0);
  return Buffer.concat(wanted).subarray(0, Math.max(first.length, bytesMax));
}

function apiVersions(): Buffer {
  const versions = [
    [1, 4, 17],
    [2, 1, 10],
    [3, 0, 13],
    [18, 0, 4],
  ];
  return Buffer.concat([int16(0), ...array(versions.map((range) => range.map(int16))), int32(0)]);
}

function readInt8(reader: ResponseReader): number {
  return reader.boolean() ? 1 : 0;
}

function array(items: readonly (readonly Buffer[])[]): Buffer[] {
  return [int32(items.length), ...items.flat()];
}

function text(value: string): Buffer {
  return Buffer.concat([int16(Buffer.byteLength(value)), Buffer.from(value)]);
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}
