import type { ColumnBatch } from '@millrace/values/column-batch';
import { columnBatchOf } from '@millrace/values/column-batch';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MysqlServerOptions } from './server.ts';
import { commandPayload, errorNumberOf, loginResponse, RawClient } from './testing/raw-client.ts';
import {
  column,
  type ScriptedServer,
  scriptedOk,
  scriptedRows,
  startScriptedServer,
} from './testing/scripted-session.ts';

const query = 0x03;
const fieldList = 0x04;
const ping = 0x0e;
const prepare = 0x16;
const execute = 0x17;
const longData = 0x18;
const closeStatement = 0x19;
const resetStatement = 0x1a;
const setOption = 0x1b;
const rowsColumn = column('t', { kind: 'text' });

/** How long to wait for what must happen: the machine may be busy. */
const patience = { timeout: 10_000, interval: 10 };

let scripted: ScriptedServer;
let clients: RawClient[];
/** Batches that the endless result has produced. */
let batchesMade: number;
let endlessClosed: boolean;

async function start(options: Partial<MysqlServerOptions> = {}): Promise<void> {
  await scripted?.server.close({ deadlineMs: 0 });
  scripted = await startScriptedServer(
    {
      '1': () => scriptedRows([rowsColumn], [['one']]),
      OK: () => scriptedOk,
      'PUT ?': () => scriptedOk,
      endless: () => ({ kind: 'rows', columns: [rowsColumn], batches: endlessBatches(), warnings: () => 0 }),
      stubborn: async () => new Promise((resolve) => setTimeout(() => resolve(scriptedOk), 150)),
    },
    options,
  );
}

async function* endlessBatches(): AsyncIterable<ColumnBatch> {
  try {
    for (;;) {
      batchesMade += 1;
      yield columnBatchOf(
        ['text'],
        Array.from({ length: 100 }, () => ['x'.repeat(1000)]),
      );
    }
  } finally {
    endlessClosed = true;
  }
}

function open(): RawClient {
  const client = new RawClient(scripted.port);
  clients.push(client);
  return client;
}

async function logIn(...options: Parameters<RawClient['logIn']>): Promise<RawClient> {
  const client = open();
  await client.logIn(...options);
  return client;
}

beforeEach(async () => {
  clients = [];
  batchesMade = 0;
  endlessClosed = false;
  await start();
});

afterEach(async () => {
  for (const client of clients) client.end();
  await scripted.server.close({ deadlineMs: 0 });
});

describe('commands', () => {
  it('sent ahead of their answers are served in order', async () => {
    const client = await logIn();
    client.send(
      ['1', 'OK', 'nonsense', '1'].map((sql) => commandPayload(query, sql)).concat(commandPayload(ping)),
    );
    const rows = async (): Promise<void> => {
      expect((await client.receive(1))?.[0]).toBe(1);
      await client.receive();
      expect((await client.receive())?.[0]).toBe(0xfe);
      expect((await client.receive())?.toString('latin1')).toBe('\x03one');
      expect((await client.receive())?.[0]).toBe(0xfe);
    };
    await rows();
    expect((await client.receive(1))?.[0]).toBe(0);
    expect(errorNumberOf(await client.receive(1))).toBe(1064);
    await rows();
    expect((await client.receive(1))?.[0]).toBe(0);
  });

  it('far ahead of their answers wait in the socket, none is lost', async () => {
    const client = await logIn();
    const sql = 'OK'.padEnd(100_000);
    client.send(Array.from({ length: 60 }, () => commandPayload(query, sql)));
    for (let index = 0; index < 60; index += 1) expect((await client.receive(1))?.[0]).toBe(0);
  });

  it('that are unknown get error 1047 and the connection lives', async () => {
    const client = await logIn();
    for (const code of [0x00, 0x05, 0x08, 0x11 + 0x0b, 0x20, 0xff]) {
      expect(errorNumberOf(await client.command(code, 'abc')), `command ${code}`).toBe(1047);
    }
    expect((await client.command(ping))?.[0]).toBe(0);
  });

  it('list the fields of a table', async () => {
    const client = await logIn();
    const first = await client.command(fieldList, 't\0%');
    expect(first?.toString('latin1')).toContain('\x02id');
    expect(first?.at(-1)).toBe(0xfb);
    expect((await client.receive())?.toString('latin1')).toContain('\x04name');
    expect((await client.receive())?.[0]).toBe(0xfe);
    expect(errorNumberOf(await client.command(fieldList, 'nope\0'))).toBe(1146);
  });

  it('give statistics as a bare text', async () => {
    const client = await logIn();
    expect((await client.command(0x09))?.toString()).toBe('Uptime: 1');
  });

  it('allow several statements in a text when the option is set', async () => {
    const client = await logIn();
    expect(errorNumberOf(await client.command(query, 'OK;OK'))).toBe(1064);
    expect((await client.command(setOption, Buffer.of(0, 0)))?.[0]).toBe(0xfe);
    const first = await client.command(query, 'OK;OK');
    expect([first?.[0], first?.readUInt16LE(3)]).toEqual([0, 2 | 8]);
    expect((await client.receive())?.readUInt16LE(3)).toBe(2);
    await client.command(setOption, Buffer.of(1, 0));
    expect(errorNumberOf(await client.command(query, 'OK;OK'))).toBe(1064);
  });

  it('kill by id', async () => {
    const client = await logIn();
    const other = await logIn();
    const [, second] = scripted.server.connections();
    expect((await client.command(0x0c, Buffer.of(Number(second?.id), 0, 0, 0)))?.[0]).toBe(0);
    expect(await other.receive(0)).toBeUndefined();
    expect(errorNumberOf(await client.command(0x0c, Buffer.of(99, 0, 0, 0)))).toBe(1094);
  });
});

describe('prepared statements', () => {
  const executeBody = (id: number, rest: readonly number[]): Buffer =>
    Buffer.of(id, 0, 0, 0, 0, 1, 0, 0, 0, ...rest);
  const blobType = [1, 252, 0];

  it('take values sent ahead in pieces, once', async () => {
    const client = await logIn();
    const prepared = await client.command(prepare, 'PUT ?');
    expect([
      prepared?.[0],
      prepared?.readUInt32LE(1),
      prepared?.readUInt16LE(5),
      prepared?.readUInt16LE(7),
    ]).toEqual([0, 1, 0, 1]);
    await client.receive();
    await client.receive();
    for (const piece of ['ab', '', 'c'])
      client.send([
        commandPayload(longData, Buffer.concat([Buffer.of(1, 0, 0, 0, 0, 0), Buffer.from(piece)])),
      ]);
    expect((await client.command(execute, executeBody(1, [0, ...blobType])))?.[0]).toBe(0);
    expect((await client.command(execute, executeBody(1, [0, 0, 1, 0x7a])))?.[0]).toBe(0);
    expect(scripted.sessions[0]?.lastParameters).toEqual([
      [Uint8Array.from(Buffer.from('abc'))].map((bytes) => Buffer.from(bytes)),
      [Uint8Array.of(0x7a)],
    ]);
  });

  it('report a failed long value at the execution', async () => {
    const client = await logIn();
    await client.command(prepare, 'PUT ?');
    await client.receive();
    await client.receive();
    client.send([commandPayload(longData, Buffer.of(1, 0, 0, 0, 9, 0, 1))]);
    expect(errorNumberOf(await client.command(execute, executeBody(1, [0, ...blobType, 0])))).toBe(1210);
    expect((await client.command(execute, executeBody(1, [0, ...blobType, 0])))?.[0]).toBe(0);
    client.send([commandPayload(longData, Buffer.of(1, 0, 0, 0, 9, 0, 1))]);
    expect((await client.command(resetStatement, Buffer.of(1, 0, 0, 0)))?.[0]).toBe(0);
    expect((await client.command(execute, executeBody(1, [0, ...blobType, 0])))?.[0]).toBe(0);
  });

  it('are unknown once closed', async () => {
    const client = await logIn();
    await client.command(prepare, 'OK');
    expect((await client.command(execute, executeBody(1, [])))?.[0]).toBe(0);
    client.send([commandPayload(closeStatement, Buffer.of(1, 0, 0, 0))]);
    expect(errorNumberOf(await client.command(execute, executeBody(1, [])))).toBe(1243);
    expect(errorNumberOf(await client.command(resetStatement, Buffer.of(1, 0, 0, 0)))).toBe(1243);
  });

  it('are bounded in number', async () => {
    await start({ preparedStatementsMax: 3 });
    const client = await logIn();
    for (let index = 0; index < 3; index += 1) expect((await client.command(prepare, 'OK'))?.[0]).toBe(0);
    expect(errorNumberOf(await client.command(prepare, 'OK'))).toBe(1461);
  });

  it('end the connection when an execution is malformed', async () => {
    const client = await logIn();
    await client.command(prepare, 'PUT ?');
    await client.receive();
    await client.receive();
    expect(errorNumberOf(await client.command(execute, executeBody(1, [0, 1, 252, 0, 200])))).toBe(1835);
    expect(await client.receive()).toBeUndefined();
  });
});

describe('logging in', () => {
  it('asks a client of another plugin again', async () => {
    const client = open();
    const greeting = await client.receive(0);
    client.send([loginResponse({ plugin: 'caching_sha2_password' })], 1);
    const request = await client.receive(2);
    expect(request?.toString('latin1', 0, 23)).toBe('\xfemysql_native_password\0');
    const scramble = Buffer.concat([
      greeting?.subarray(12, 20) ?? Buffer.of(),
      greeting?.subarray(39, 51) ?? Buffer.of(),
    ]);
    expect(request?.subarray(23, 43)).toEqual(scramble);
    client.send([''], 3);
    expect((await client.receive(4))?.[0]).toBe(0);
    expect((await client.command(ping))?.[0]).toBe(0);
  });

  it('announces texts with the utf8mb4 collation of the client, else utf8', async () => {
    for (const [asked, announced] of [
      [255, 255],
      [45, 45],
      [33, 33],
      [8, 33],
    ]) {
      const client = await logIn({ collation: asked ?? 0 });
      await client.command(query, '1');
      const definition = await client.receive();
      expect(definition?.readUInt16LE((definition?.length ?? 0) - 12)).toBe(announced);
    }
  });

  it('must happen in time', async () => {
    await start({ handshakeTimeoutMs: 500 });
    const client = open();
    await client.receive(0);
    expect(await client.receive()).toBeUndefined();
    const patient = await logIn();
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect((await patient.command(ping))?.[0]).toBe(0);
  });

  it('is refused over the connection limit, without SQLSTATE', async () => {
    await start({ maxConnections: 1 });
    const first = await logIn();
    const refused = await open().receive(0);
    expect(errorNumberOf(refused)).toBe(1040);
    expect(refused?.toString('latin1', 3)).toMatch(/^too many connections/);
    first.end();
    await expect.poll(() => scripted.server.connections().length, patience).toBe(0);
    await logIn();
  });

  it('refuses large packets before, and those over the limit after', async () => {
    await start({ maxAllowedPacketBytes: 1_000_000 });
    const early = open();
    await early.receive(0);
    early.send([Buffer.alloc(200_000)], 1);
    expect(errorNumberOf(await early.receive(2))).toBe(1153);
    expect(await early.receive()).toBeUndefined();
    const late = await logIn();
    expect((await late.command(query, 'OK'.padEnd(999_999)))?.[0]).toBe(0);
    expect(errorNumberOf(await late.command(query, 'OK'.padEnd(1_000_000)))).toBe(1153);
    expect(await late.receive()).toBeUndefined();
  });

  it('ends with an error for wrong sequence ids and empty commands', async () => {
    const first = open();
    await first.receive(0);
    first.send([loginResponse({})], 7);
    expect(await first.receive(1).then(errorNumberOf, () => 'other sequence')).toBeDefined();
    const second = await logIn();
    second.send(['']);
    expect(errorNumberOf(await second.receive(1))).toBe(1835);
    expect(await second.receive()).toBeUndefined();
  });
});

describe('large results', () => {
  it('wait for a client that does not read', async () => {
    const client = await logIn();
    client.socket.pause();
    client.send([commandPayload(query, 'endless')]);
    let before = -1;
    await expect
      .poll(
        () => {
          const stands = batchesMade > 0 && batchesMade === before;
          before = batchesMade;
          return stands;
        },
        { interval: 100, timeout: 15_000 },
      )
      .toBe(true);
    const stoodAt = batchesMade;
    // The kernel's buffers and ours take some megabytes; a result without back-pressure would never stand still.
    expect(stoodAt * 100_000).toBeLessThan(64 * 1024 * 1024);
    client.socket.resume();
    await expect.poll(() => batchesMade, patience).toBeGreaterThan(stoodAt);
    client.end();
    await expect.poll(() => endlessClosed, patience).toBe(true);
  });

  it('can be killed while their client does not read', async () => {
    const client = await logIn();
    client.socket.pause();
    client.send([commandPayload(query, 'endless')]);
    await expect.poll(() => batchesMade, patience).toBeGreaterThan(1);
    scripted.server.kill(scripted.server.connections()[0]?.id ?? 0n, 'statement');
    await expect.poll(() => endlessClosed, patience).toBe(true);
    client.socket.resume();
    let packet = await client.receive(1);
    while (packet !== undefined && packet[0] !== 0xff) packet = await client.receive();
    expect(errorNumberOf(packet)).toBe(1317);
    expect((await client.command(ping))?.[0]).toBe(0);
  });

  it('let other clients in while they are sent', async () => {
    const busy = await logIn();
    busy.send([commandPayload(query, 'endless')]);
    await expect.poll(() => batchesMade, patience).toBeGreaterThan(10);
    const other = await logIn();
    expect((await other.command(ping))?.[0]).toBe(0);
  });
});

describe('closing the server', () => {
  it('ends idle connections, lets a running statement finish and refuses new ones', async () => {
    const idle = await logIn();
    const busy = await logIn();
    busy.send([commandPayload(query, 'stubborn')]);
    await expect
      .poll(() => scripted.server.connections().some((info) => info.statement === 'stubborn'), patience)
      .toBe(true);
    const closed = scripted.server.close({ deadlineMs: 10_000 });
    expect(await idle.receive(0)).toBeUndefined();
    expect((await busy.receive(1))?.[0]).toBe(0);
    expect(await busy.receive()).toBeUndefined();
    await closed;
    expect(await open().receive(0)).toBeUndefined();
    expect(scripted.sessions.map((session) => session.closed)).toEqual([1, 1]);
  });

  it('stops statements at the deadline', async () => {
    const client = await logIn();
    client.send([commandPayload(query, 'SLEEP')]);
    await expect
      .poll(() => scripted.server.connections().some((info) => info.command === 'query'), patience)
      .toBe(true);
    await scripted.server.close({ deadlineMs: 20 });
    expect(errorNumberOf(await client.receive(1))).toBe(1053);
    expect(await client.receive()).toBeUndefined();
  });
});
