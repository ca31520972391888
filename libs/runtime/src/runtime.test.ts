import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { retry, sleep } from './backoff.ts';
import { HttpServer } from './http-server.ts';
import { Lifecycle } from './lifecycle.ts';
import { createLogger, Secret, silentLogger } from './logger.ts';
import { MetricRegistry } from './metrics.ts';
import { formatOptions, readOptions } from './options.ts';

const specs = {
  dataDir: { type: 'string', help: 'where data lives', required: true, unit: 'dir' },
  grpcPort: { type: 'integer', help: 'gRPC port', default: 50051, min: 0, max: 65535 },
  logFormat: { type: 'string', help: 'log lines', default: 'text', choices: ['text', 'json'] },
  rootPassword: { type: 'secret', help: 'password of root', default: '' },
  verbose: { type: 'boolean', help: 'more lines', default: false },
} as const;

describe('readOptions', () => {
  it('takes flags before the environment before defaults', () => {
    const environment = { MILLRACE_GRPC_PORT: '7', MILLRACE_LOG_FORMAT: 'json' };
    const values = readOptions(specs, ['--data-dir', '/d', '--grpc-port', '9', '--verbose'], environment);
    expect(values).toMatchObject({ dataDir: '/d', grpcPort: 9, logFormat: 'json', verbose: true });
  });

  it.each([
    [['--data-dir', '/d', '--grpc-port', '70000'], '--grpc-port must be a whole number from 0 to 65535'],
    [['--data-dir', '/d', '--grpc-port', 'x'], "not 'x'"],
    [['--data-dir', '/d', '--log-format', 'xml'], 'one of text, json'],
    [[], '--data-dir (or MILLRACE_DATA_DIR) is required'],
    [['--data-dir', '/d', '--nope'], "unknown option '--nope'"],
  ])('refuses %j', (argv, message) => {
    expect(() => readOptions(specs, argv, {})).toThrow(message);
  });

  describe('an address', () => {
    const read = (unit: string, text: string) =>
      readOptions({ peer: { type: 'string', help: 'where it is', unit } } as const, ['--peer', text], {})
        .peer;

    it.each(['leaf', 'leaf:', ':1', 'leaf:99999', '::1:50051', 'a b:1', 'http://leaf:1', 'a:1,b:2'])(
      'is not %j',
      (text) => {
        expect(() => read('host:port', text)).toThrow('--peer takes host:port');
      },
    );

    it.each(['leaf-1.example:50051', '10.0.0.1:0', '[::1]:50051'])('is %j', (text) => {
      expect(read('host:port', text)).toBe(text);
    });

    it('is one of several, where several are taken', () => {
      expect(read('host:port,…', 'a:1, b:2')).toBe('a:1, b:2');
      expect(() => read('host:port,…', 'a:1,b')).toThrow("not 'b'");
    });
  });

  describe('a secret', () => {
    const dir = mkdtempSync(join(tmpdir(), 'millrace-options-'));
    const file = (name: string, text: string) => {
      writeFileSync(join(dir, name), text);
      return join(dir, name);
    };
    const read = (argv: readonly string[], environment: Readonly<Record<string, string>> = {}) =>
      readOptions(specs, ['--data-dir', '/d', ...argv], environment).rootPassword.reveal();

    it('comes from a file as well, without its last line feed', () => {
      const path = file('password', ' hunter2 \n');
      expect(read(['--root-password-file', path])).toBe(' hunter2 ');
      expect(read([], { MILLRACE_ROOT_PASSWORD_FILE: path })).toBe(' hunter2 ');
      expect(read(['--root-password', 'x'], { MILLRACE_ROOT_PASSWORD_FILE: path })).toBe('x');
      expect(read(['--root-password-file', path], { MILLRACE_ROOT_PASSWORD: 'x' })).toBe(' hunter2 ');
      expect(read([], { MILLRACE_ROOT_PASSWORD_FILE: '' })).toBe('');
    });

    it('is refused when given twice, or from a file that does not hold one line', () => {
      const both = ['--root-password', 'x', '--root-password-file', 'y'];
      expect(() => read(both)).toThrow('--root-password or --root-password-file, not both');
      for (const text of ['', '\n', 'a\nb', 'x'.repeat(5_000)])
        expect(() => read(['--root-password-file', file('bad', text)])).toThrow('must hold one line');
      expect(() => read([], { MILLRACE_ROOT_PASSWORD_FILE: '/none' })).toThrow(
        'MILLRACE_ROOT_PASSWORD_FILE: cannot read /none',
      );
    });
  });

  it('describes every option', () => {
    expect(formatOptions(specs)).toContain('--grpc-port INTEGER');
    expect(formatOptions(specs)).toContain('--root-password-file FILE');
  });
});

describe('createLogger', () => {
  it('writes text and JSON lines, bigint included, secrets excluded', () => {
    const lines: string[] = [];
    const base = {
      level: 'info',
      write: (line: string) => lines.push(line),
      now: () => new Date(0),
    } as const;
    createLogger({ ...base, format: 'json' })
      .child({ component: 'c' })
      .info('m', { offset: 1n, password: new Secret('hunter2') });
    createLogger({ ...base, format: 'text' }).warn('two words', { path: 'a b' });
    createLogger({ ...base, format: 'text' }).debug('hidden');
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'info',
      component: 'c',
      offset: '1',
      password: '[secret]',
    });
    expect(lines[1]).toBe('1970-01-01T00:00:00.000Z WARN  two words path="a b"\n');
    expect(lines).toHaveLength(2);
  });
});

describe('retry', () => {
  const options = { attemptsMax: 4, delayMsMin: 1, delayMsMax: 2, isRetryable: () => true, random: () => 0 };

  it('stops at the maximum, at a fatal error, or at success', async () => {
    let calls = 0;
    const failing = async () => {
      calls += 1;
      throw new Error(`no ${calls}`);
    };
    await expect(retry(options, failing)).rejects.toThrow('no 4');
    await expect(retry({ ...options, isRetryable: () => false }, failing)).rejects.toThrow('no 5');
    expect(
      await retry(options, async (attempt) => (attempt < 3 ? Promise.reject(new Error('x')) : attempt)),
    ).toBe(3);
  });

  it('gives up waiting when aborted', async () => {
    const abort = new AbortController();
    const waiting = sleep(60_000, abort.signal);
    abort.abort(new Error('stop'));
    await expect(waiting).rejects.toThrow('stop');
  });
});

describe('Lifecycle', () => {
  it('drains and stops in reverse order, and goes on after a failure', async () => {
    const seen: string[] = [];
    const lifecycle = new Lifecycle(silentLogger);
    for (const name of ['a', 'b', 'c']) {
      await lifecycle.start({
        name,
        start: async () => void seen.push(`start ${name}`),
        drain: () =>
          name === 'b' ? new Promise(() => {}) : Promise.resolve(void seen.push(`drain ${name}`)),
        stop: () => void seen.push(`stop ${name}`),
      });
    }
    await lifecycle.shutdown(20);
    expect(seen).toEqual([
      'start a',
      'start b',
      'start c',
      'drain c',
      'drain a',
      'stop c',
      'stop b',
      'stop a',
    ]);
  });
});

describe('Lifecycle that hangs', () => {
  it('gives up a component that does not stop', async () => {
    vi.useFakeTimers();
    try {
      const stopped: string[] = [];
      const lifecycle = new Lifecycle(silentLogger);
      await lifecycle.start({ name: 'first', stop: () => void stopped.push('first') });
      await lifecycle.start({ name: 'stuck', stop: () => new Promise(() => {}) });
      const shutdown = lifecycle.shutdown(1_000);
      await vi.advanceTimersByTimeAsync(10_000);
      await shutdown;
      expect(stopped).toEqual(['first']);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('HttpServer', () => {
  it('serves health, readiness and metrics', async () => {
    const metrics = new MetricRegistry();
    const recorded = metrics.declare({
      rows: { type: 'counter', name: 'rows_total', help: 'rows', labels: ['table'] },
    });
    recorded.rows(3, { table: 't' });
    let tables = ['a', 'b'];
    metrics.observe(
      {
        tables: { type: 'gauge', name: 'tables', help: 'tables', labels: ['name'] },
        total: { type: 'gauge', name: 'tables_all', help: 'all of them' },
        broken: { type: 'gauge', name: 'broken', help: 'cannot be read' },
      },
      {
        tables: () => tables.map((name) => ({ value: 1, labels: { name } })),
        total: async () => [{ value: tables.length }],
        broken: () => Promise.reject(new Error('no disk')),
      },
    );
    let reason: string | null = 'no leaf';
    const server = new HttpServer({ host: '127.0.0.1', port: 0, metrics, notReadyReason: () => reason });
    const base = `http://127.0.0.1:${await server.start()}`;
    expect((await fetch(`${base}/healthz`)).status).toBe(200);
    expect((await fetch(`${base}/readyz`)).status).toBe(503);
    reason = null;
    expect((await fetch(`${base}/readyz`)).status).toBe(200);
    const text = async () => (await fetch(`${base}/metrics`)).text();
    expect(await text()).toContain('millrace_rows_total{table="t"} 3');
    expect(await text()).toMatch(/^millrace_tables\{name="a"\} 1\nmillrace_tables\{name="b"\} 1$/m);
    tables = ['b'];
    expect(await text()).not.toContain('name="a"');
    expect(await text()).toMatch(/^millrace_tables_all 1$/m);
    expect(await text()).not.toMatch(/^millrace_broken /m);
    expect((await fetch(`${base}/nothing`)).status).toBe(404);
    expect((await fetch(`${base}/healthz`, { method: 'POST' })).status).toBe(405);
    await server.stop();
  });
});
