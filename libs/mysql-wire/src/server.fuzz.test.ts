import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commandNames } from './protocol-constants.ts';
import { commandPayload, loginResponse, RawClient } from './testing/raw-client.ts';
import {
  column,
  type ScriptedServer,
  scriptedOk,
  scriptedRows,
  startScriptedServer,
} from './testing/scripted-session.ts';

const codes = Object.keys(commandNames).map(Number);
let scripted: ScriptedServer;
const unhandled: unknown[] = [];
const note = (error: unknown): void => void unhandled.push(error);

beforeAll(async () => {
  process.on('unhandledRejection', note);
  scripted = await startScriptedServer(
    {
      'SELECT ?': () => scriptedRows([column('c', { kind: 'int', unsigned: false })], [[1n]]),
      '': () => scriptedOk,
    },
    { maxConnections: 1000, handshakeTimeoutMs: 5000 },
  );
});

afterAll(async () => {
  await scripted.server.close({ deadlineMs: 0 });
  process.off('unhandledRejection', note);
});

/** Sends bytes, ends the sending side, and waits until the server has closed too. */
async function sendAndEnd(client: RawClient, bytes: Uint8Array): Promise<void> {
  const closed = new Promise((resolve) => client.socket.once('close', resolve));
  client.socket.end(bytes);
  client.socket.resume();
  await closed;
}

async function expectUnharmed(): Promise<void> {
  const client = new RawClient(scripted.port);
  await client.logIn();
  expect((await client.command(0x0e))?.[0]).toBe(0);
  client.end();
  await expect.poll(() => scripted.server.connections().length, { timeout: 10_000 }).toBe(0);
  expect(unhandled).toEqual([]);
  expect(scripted.logged).toEqual([]);
}

const mutated = (original: Buffer) =>
  fc.array(fc.tuple(fc.nat(original.length - 1), fc.nat(255)), { maxLength: 6 }).map((changes) => {
    const bytes = Buffer.from(original);
    for (const [position, value] of changes) bytes[position] = value;
    return bytes;
  });

describe('random bytes', () => {
  it('before the login harm nobody', async () => {
    const random = fc.uint8Array({ maxLength: 200 });
    const almostRight = mutated(loginResponse({ flags: 0x0038_0008, plugin: 'mysql_native_password' }));
    let answers = 0;
    await fc.assert(
      fc.asyncProperty(fc.oneof(random, almostRight), fc.boolean(), async (bytes, inPacket) => {
        const client = new RawClient(scripted.port);
        if (!inPacket) return sendAndEnd(client, bytes);
        await client.receive(0);
        client.send([bytes], 1);
        if ((await client.receive(2)) !== undefined) answers += 1;
        return sendAndEnd(client, bytes);
      }),
      { numRuns: 400 },
    );
    expect(answers).toBeGreaterThan(50);
    await expectUnharmed();
  });

  it('after the login harm nobody', async () => {
    const body = fc.uint8Array({ maxLength: 60 });
    const command = fc
      .tuple(fc.constantFrom(...codes), body)
      .map(([code, bytes]) => commandPayload(code, bytes));
    const execution = mutated(Buffer.of(0x17, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 253, 0, 3, 97, 98, 99));
    const quit = commandPayload(0x01);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(command, execution, execution, body), { maxLength: 6 }),
        async (commands) => {
          const client = new RawClient(scripted.port);
          const closed = new Promise((resolve) => client.socket.once('close', resolve));
          await client.logIn();
          client.send([commandPayload(0x16, 'SELECT ?'), ...commands, quit]);
          await closed;
        },
      ),
      { numRuns: 400 },
    );
    const calls = scripted.sessions.flatMap((session) => session.calls);
    expect(calls.filter((call) => call === 'execute SELECT ?').length).toBeGreaterThan(10);
    await expectUnharmed();
  });

  it('without packets harm nobody', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async (bytes) => {
        const client = new RawClient(scripted.port);
        await client.logIn();
        await sendAndEnd(client, bytes);
      }),
    );
    await expectUnharmed();
  });
});
