import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { type RandomBits, seededRandom } from '@millrace/testkit/seeded-random';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SqlClient } from '../support/sql-client.ts';
import { type Standalone, startStandalone } from '../support/standalone.ts';

const seed = 20_260_131;
const attempts = 40;
const garbageBytesMax = 4_096;

function garbage(random: RandomBits): Buffer {
  return Buffer.from(Array.from({ length: 1 + (random() % garbageBytesMax) }, () => random() & 0xff));
}

/** Bytes that follow no protocol end the connection they came on, and nothing else. */
describe(`malformed bytes (seed ${seed})`, () => {
  let server: Standalone;
  let client: SqlClient;

  beforeAll(async () => {
    server = await startStandalone({ kafka: true });
    client = await server.connect();
  });

  afterAll(async () => {
    await client?.close();
    await server?.[Symbol.asyncDispose]();
  });

  /** Sends bytes on a connection of its own and hangs up, or waits until the server does. */
  async function send(port: number, bytes: Buffer, patient: boolean): Promise<void> {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.resume();
    await once(socket, 'connect');
    socket.write(bytes);
    const timer = setTimeout(() => socket.destroy(), patient ? 300 : 20);
    await new Promise((resolve) => socket.once('close', resolve));
    clearTimeout(timer);
  }

  it.each(['mysqlPort', 'grpcPort', 'httpPort', 'kafkaPort'] as const)('on %s', async (port) => {
    const random = seededRandom(seed);
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      await send(server[port], garbage(random), attempt % 4 === 0);
    }
    expect(server.process.alive).toBe(true);
    // The old connection and a new one.
    expect(await client.value('SELECT 1')).toBe('1');
    await using other = await server.connect();
    expect(await other.value('SELECT 2')).toBe('2');
  });

  describe('from a Kafka broker', () => {
    let broker: Server;
    const sockets = new Set<Socket>();

    beforeAll(async () => {
      const random = seededRandom(seed);
      broker = createServer((socket) => {
        sockets.add(socket);
        socket.on('error', () => {});
        // A believable length, the correlation id of the request, and nonsense.
        socket.on('data', (request: Buffer) => {
          const body = garbage(random);
          const head = Buffer.alloc(8);
          head.writeInt32BE(body.length + 4, 0);
          if (request.length >= 12) request.copy(head, 4, 8, 12);
          socket.write(Buffer.concat([head, body]));
        });
      });
      broker.listen(0, '127.0.0.1');
      await once(broker, 'listening');
    });

    afterAll(async () => {
      for (const socket of sockets) socket.destroy();
      broker.close();
      await once(broker, 'close');
    });

    it('are an error that names the broker', async () => {
      const { port } = broker.address() as AddressInfo;
      await client.run('CREATE DATABASE malformed PARTITIONS 1', 'USE malformed', 'CREATE TABLE t (a INT)');
      const created = client.run(
        `CREATE PIPELINE p AS LOAD DATA KAFKA '127.0.0.1:${port}/topic' CONFIG '{"operation.timeout.ms":"2000"}' INTO TABLE t`,
      );
      await expect(created).rejects.toThrow(String(port));
      expect(server.process.alive).toBe(true);
      expect(await client.value('SELECT COUNT(*) FROM t')).toBe('0');
    });
  });
});
