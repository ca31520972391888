import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FaultProxy, type FaultShape } from './fault-proxy.ts';

/** What a server saw: the text of each connection, in the order in which bytes came, and how connections ended. */
interface Seen {
  readonly texts: string[];
  readonly ends: string[];
}

describe('FaultProxy', () => {
  let server: Server;
  let proxy: FaultProxy;
  let seen: Seen;
  let clients: Socket[];

  beforeEach(async () => {
    // Sockets of the test before may still be ending.
    const own: Seen = { texts: [], ends: [] };
    seen = own;
    clients = [];
    server = createServer((socket) => {
      socket.on('data', (bytes) => {
        own.texts.push(bytes.toString());
        socket.write(bytes);
      });
      socket.on('end', () => own.ends.push('end'));
      socket.on('error', () => own.ends.push('reset'));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy = await FaultProxy.listen(0, (server.address() as AddressInfo).port);
  });

  afterEach(async () => {
    for (const client of clients) client.destroy();
    await proxy.close();
    server.close();
  });

  /** A client, what came back to it, and what ended it. */
  function client() {
    const socket = connect(proxy.port, '127.0.0.1');
    clients.push(socket);
    const state = { socket, answer: '', end: '' };
    socket.on('data', (bytes) => {
      state.answer += bytes.toString();
    });
    socket.on('error', () => {
      state.end = 'reset';
    });
    socket.on('end', () => {
      state.end = 'end';
    });
    return state;
  }

  async function echoed(text: string) {
    const state = client();
    state.socket.write(text);
    await until(() => state.answer === text);
    return state;
  }

  async function until(check: () => boolean): Promise<void> {
    while (!check()) await sleep(5);
  }

  const inflict = (shape: FaultShape, durationMs = 300, partial = false) =>
    proxy.inflict({ ...shape, durationMs, partial });

  it('passes everything on, ends too', async () => {
    const large = 'x'.repeat(5_000_000);
    const { socket, ...state } = await echoed('hello');
    expect(state.answer).toBe('hello');
    socket.end();
    await until(() => seen.ends.length === 1);
    expect(seen.ends).toEqual(['end']);
    const second = client();
    second.socket.write(large);
    await until(() => second.answer.length === large.length);
  });

  it('tells a client that nobody listens', async () => {
    server.close();
    const refused = client();
    await until(() => refused.end !== '');
    expect(refused.end).toBe('reset');
  });

  it.each<FaultShape>([
    { kind: 'drop' },
    { kind: 'one-way', direction: 'up' },
    { kind: 'one-way', direction: 'down' },
  ])('$kind $direction: arrives when the fault is over', async (shape) => {
    const state = await echoed('a');
    const healed = inflict(shape);
    state.socket.write('b');
    const late = client();
    late.socket.write('c');
    await sleep(100);
    expect([state.answer, late.answer]).toEqual(['a', '']);
    const passes = shape.kind === 'one-way' && shape.direction === 'down';
    expect(seen.texts.slice(1).sort()).toEqual(passes ? ['b', 'c'] : []);
    expect(await healed).toBe(2);
    await until(() => state.answer === 'ab' && late.answer === 'c');
    expect(state.end).toBe('');
  });

  it('drop: an end arrives late, too', async () => {
    const { socket } = await echoed('a');
    const healed = inflict({ kind: 'drop' });
    socket.resetAndDestroy();
    await sleep(100);
    expect(seen.ends).toEqual([]);
    await healed;
    await until(() => seen.ends.length === 1);
    expect(seen.ends).toEqual(['reset']);
  });

  it('delay: arrives later', async () => {
    const state = await echoed('a');
    const sentAt = performance.now();
    const healed = inflict({ kind: 'delay', delayMs: 100 });
    state.socket.write('b');
    await until(() => state.answer === 'ab');
    expect(performance.now() - sentAt).toBeGreaterThan(190);
    await healed;
  });

  it('bandwidth: arrives slowly, and at once afterwards', async () => {
    const text = 'y'.repeat(200_000);
    const state = client();
    const healed = inflict({ kind: 'bandwidth', bytesPerSecond: 50_000 });
    state.socket.write(text);
    await healed;
    expect(state.answer.length).toBeLessThan(100_000);
    await until(() => state.answer === text);
  });

  it('reset: for connections that are there and for new ones', async () => {
    const state = await echoed('a');
    const healed = inflict({ kind: 'reset' });
    await until(() => state.end === 'reset' && seen.ends.length > 0);
    const refused = client();
    await until(() => refused.end === 'reset');
    await healed;
    expect(seen.ends[0]).toBe('reset');
    await echoed('b');
  });

  it('half-open: the server knows, the client only when the fault is over', async () => {
    const state = await echoed('a');
    const healed = inflict({ kind: 'half-open' });
    await until(() => seen.ends.length === 1);
    state.socket.write('b');
    await echoed('c');
    expect(state).toMatchObject({ answer: 'a', end: '' });
    expect(await healed).toBe(1);
    await until(() => state.end === 'reset');
    expect(seen.texts).toEqual(['a', 'c']);
  });

  it('reorder: a newer connection is served first', async () => {
    const state = await echoed('a');
    const healed = inflict({ kind: 'reorder' }, 600);
    state.socket.write('old');
    await until(() => state.end === 'reset');
    await echoed('new');
    await healed;
    await until(() => seen.texts.length === 3);
    expect(seen.texts).toEqual(['a', 'new', 'old']);
  });

  it('partial: every second connection', async () => {
    const states = [await echoed('a'), await echoed('b'), await echoed('c'), await echoed('d')];
    expect(await inflict({ kind: 'reset' }, 20, true)).toBe(2);
    await until(() => states.filter(({ end }) => end === 'reset').length === 2);
    expect(states.map(({ end }) => end)).toEqual(['', 'reset', '', 'reset']);
  });

  it('one fault at a time', async () => {
    const healed = inflict({ kind: 'drop' }, 50);
    await expect(inflict({ kind: 'reset' })).rejects.toThrow('suffers');
    await healed;
  });
});
