import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { createSecureContext, connect as secure } from 'node:tls';
import {
  type Authority,
  makeAuthority,
  makeCertificate,
  opensslProblem,
} from '@millrace/testkit/certificates';
import mysql from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { capability } from './protocol-constants.ts';
import { errorNumberOf, framed, loginResponse, RawClient } from './testing/raw-client.ts';
import {
  column,
  type ScriptedServer,
  scriptedRows,
  startScriptedServer,
} from './testing/scripted-session.ts';

const problem = await opensslProblem();
const longText = 'ä'.repeat(9 * 1024 * 1024);
const script = {
  'SELECT ?': (parameters: readonly unknown[]) =>
    scriptedRows(
      [column('p', { kind: 'longtext' })],
      parameters.map((value) => [String(value)]),
    ),
};

/** The head of a handshake response that asks for TLS. */
function tlsRequest(): Buffer {
  const head = Buffer.alloc(32);
  head.writeUInt32LE(capability.protocol41 | capability.secureConnection | capability.tls);
  head.writeUInt32LE(2 ** 24, 4);
  head[8] = 45;
  return head;
}

describe.skipIf(problem !== undefined && !process.env['CI'])('the MySQL port with TLS', () => {
  let dir: string;
  let authority: Authority;
  let ca: Buffer;
  let tls: { secureContext: ReturnType<typeof createSecureContext> };
  let scripted: ScriptedServer;

  async function contextFor(host: string) {
    const files = await makeCertificate(authority, dir, 'mysql', [host]);
    return createSecureContext({ cert: readFileSync(files.cert), key: readFileSync(files.key) });
  }

  const login = (options: mysql.ConnectionOptions) =>
    mysql.createConnection({ host: '127.0.0.1', port: scripted.port, user: 'root', ...options });

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'millrace-mysql-tls-'));
    authority = await makeAuthority(dir);
    ca = readFileSync(authority.cert);
  });

  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  // mysql2 checks for this name when it is given an IP address.
  beforeEach(async () => {
    tls = { secureContext: await contextFor('localhost') };
    scripted = await startScriptedServer(script, { tls });
  });

  afterEach(() => scripted.server.close({ deadlineMs: 1_000 }));

  it('serves encrypted and plain clients, and tells their sessions which they are', async () => {
    const encrypted = await login({ ssl: { ca: ca.toString(), verifyIdentity: true } });
    const plain = await login({});
    for (const client of [encrypted, plain]) {
      const [rows] = await client.execute<mysql.RowDataPacket[]>('SELECT ?', [longText]);
      expect(rows[0]?.['p'] === longText).toBe(true);
      await client.end();
    }
    expect(scripted.sessions.map(({ client }) => client.tls?.version)).toEqual(['TLSv1.3', undefined]);
    expect(scripted.sessions[0]?.client.tls?.cipher).toMatch(/^TLS_/);
  });

  it('shows the certificate that is current when a client comes', async () => {
    tls.secureContext = await contextFor('elsewhere');
    await expect(login({ ssl: { ca: ca.toString(), verifyIdentity: true } })).rejects.toThrow('altnames');
    const client = await login({ ssl: { ca: ca.toString(), verifyIdentity: false } });
    await client.end();
  });

  it('takes a handshake that comes in one piece with its request, or in many', async () => {
    for (const pieceBytes of [1_000_000, 7]) {
      const raw = new RawClient(scripted.port);
      await raw.receive(0);
      const relay = new Relay(raw.socket, framed([tlsRequest()], 1), pieceBytes);
      const secured = secure({ socket: relay, ca, checkServerIdentity: () => undefined });
      secured.write(framed([loginResponse({ flags: capability.tls })], 2));
      const [answer] = (await once(secured, 'data')) as [Buffer];
      // An OK packet that continues the numbering.
      expect([...answer.subarray(3, 5)]).toEqual([3, 0]);
      secured.destroy();
      raw.end();
    }
  });

  it('ends a connection whose TLS handshake is nonsense, and only that', async () => {
    const client = await login({});
    for (const bytes of [Buffer.alloc(500, 0xff), loginResponse({}), Buffer.of(0x16, 3, 1, 0, 2, 1, 0)]) {
      const raw = new RawClient(scripted.port);
      await raw.receive(0);
      raw.socket.end(Buffer.concat([framed([tlsRequest()], 1), bytes]));
      await once(raw.socket, 'close');
    }
    await client.ping();
    await client.end();
    expect(scripted.logged).toEqual([]);
  });

  it('refuses plain clients where TLS is required, before it looks at their password', async () => {
    await scripted.server.close({ deadlineMs: 0 });
    scripted = await startScriptedServer(script, { tls, requireTls: true });
    const raw = new RawClient(scripted.port);
    await raw.receive(0);
    raw.send([loginResponse({})], 1);
    expect(errorNumberOf(await raw.receive(2))).toBe(3159);
    raw.end();
    const client = await login({ ssl: { ca: ca.toString() } });
    await client.ping();
    await client.end();
    await expect(
      login({ user: 'alice', password: 'wrong', ssl: { ca: ca.toString() } }),
    ).rejects.toMatchObject({
      errno: 1045,
    });
  });

  it('refuses a request for TLS that was not offered', async () => {
    await scripted.server.close({ deadlineMs: 0 });
    scripted = await startScriptedServer(script);
    const raw = new RawClient(scripted.port);
    await raw.receive(0);
    raw.send([tlsRequest()], 1);
    expect(errorNumberOf(await raw.receive(2))).toBe(1835);
    raw.end();
  });
});

/** What a TLS client writes goes to the socket in pieces, the first behind some bytes in one write. */
class Relay extends Duplex {
  readonly #socket: Socket;
  readonly #pieceBytes: number;
  #first: Buffer;

  constructor(socket: Socket, first: Buffer, pieceBytes: number) {
    super();
    this.#socket = socket;
    this.#first = first;
    this.#pieceBytes = pieceBytes;
    socket.removeAllListeners('data');
    socket.on('data', (chunk: Buffer) => this.push(chunk));
    socket.on('close', () => this.push(null));
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const bytes = Buffer.concat([this.#first, chunk]);
    this.#first = Buffer.alloc(0);
    void this.#send(bytes).then(done);
  }

  async #send(bytes: Buffer): Promise<void> {
    for (let start = 0; start < bytes.length; start += this.#pieceBytes) {
      this.#socket.write(bytes.subarray(start, start + this.#pieceBytes));
      await setImmediate();
    }
  }
}
