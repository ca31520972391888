import { connect, type Socket } from 'node:net';
import { ChunkPool } from '../chunk-pool.ts';
import { PacketStream } from '../packet-stream.ts';
import { PacketWriter } from '../packet-writer.ts';
import { capability } from '../protocol-constants.ts';

/** A packet of the server, or undefined once it has closed the connection. */
export type ServerPacket = Buffer | undefined;

/** A client that sends exactly the bytes a test wants. */
export class RawClient {
  readonly socket: Socket;
  readonly #stream = new PacketStream(2 ** 30);
  #sequence = 0;
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (chunk: Buffer) => {
      this.#stream.push(chunk);
      this.#wake?.();
    });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.#closed = true;
      this.#wake?.();
    });
  }

  /** Waits for the next packet; `sequence` restarts the numbering, as the first packet of an answer does. */
  async receive(sequence = this.#sequence): Promise<ServerPacket> {
    for (;;) {
      const packet = this.#stream.next(sequence);
      if (packet !== undefined) {
        this.#sequence = this.#stream.sequenceNext;
        return packet;
      }
      if (this.#closed) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Sends packets in one write, each with the sequence id given: 0 for a command. */
  send(payloads: readonly (Uint8Array | string)[], sequence = 0): void {
    this.socket.write(framed(payloads, sequence));
  }

  /** Logs in as root and reads the OK. */
  async logIn(options: { flags?: number; collation?: number; plugin?: string } = {}): Promise<void> {
    await this.receive(0);
    this.send([loginResponse(options)], 1);
    const answer = await this.receive(2);
    if (answer?.[0] !== 0) throw new Error(`login failed: ${answer?.toString('latin1')}`);
  }

  /** Sends a command and reads the first packet of its answer. */
  async command(code: number, body: Uint8Array | string = ''): Promise<ServerPacket> {
    this.send([commandPayload(code, body)]);
    return this.receive(1);
  }

  end(): void {
    this.socket.destroy();
  }
}

export function commandPayload(code: number, body: Uint8Array | string = ''): Buffer {
  return Buffer.concat([Buffer.of(code), Buffer.from(body)]);
}

export function framed(payloads: readonly (Uint8Array | string)[], sequence: number): Buffer {
  const writer = new PacketWriter(new ChunkPool(0));
  for (const payload of payloads) {
    writer.sequence = sequence;
    writer.startPacket();
    writer.bytes(Buffer.from(payload));
    writer.endPacket();
  }
  return Buffer.from(writer.take().bytes);
}

/** A handshake response of `root` without password. */
export function loginResponse(options: { flags?: number; collation?: number; plugin?: string }): Buffer {
  const { flags = 0, collation = 33, plugin } = options;
  const writer = new PacketWriter(new ChunkPool(0));
  const pluginFlag = plugin === undefined ? 0 : capability.pluginAuth;
  writer.u32(capability.protocol41 | capability.secureConnection | pluginFlag | flags);
  writer.u32(2 ** 24);
  writer.u8(collation);
  writer.zeros(23);
  writer.nulTerminatedText('root');
  writer.u8(0);
  if (plugin !== undefined) writer.nulTerminatedText(plugin);
  return Buffer.from(writer.take().bytes);
}

/** The MySQL error number of an error packet, undefined for anything else. */
export function errorNumberOf(packet: ServerPacket): number | undefined {
  return packet?.[0] === 0xff ? packet.readUInt16LE(1) : undefined;
}
