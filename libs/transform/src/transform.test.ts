import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunRequest, TransformClient } from '@millrace/proto/millrace/transform/v1/transform';
import { ChannelPool, callBidirectional } from '@millrace/rpc/client';
import { Handlers } from '@millrace/rpc/handlers';
import { RpcServer } from '@millrace/rpc/server';
import { silentLogger } from '@millrace/runtime/logger';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProcessPool } from './process-pool.ts';
import { transformService } from './services/transform-service.ts';
import { splitArguments } from './split-arguments.ts';

/** The mission's reference program (row 14). */
const missionProgram = `#!/usr/bin/env python3
import json, struct, sys

def records():
    while len(size := sys.stdin.buffer.read(8)) == 8:
        yield sys.stdin.buffer.read(struct.unpack("L", size)[0])

for r in records():
    sys.stdout.write("%s\\t%s\\n" % (json.loads(r)["id"], r.decode()))
`;

function frame(text: string): Buffer {
  const body = Buffer.from(text);
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(body.length));
  return Buffer.concat([size, body]);
}

describe('a transform program', () => {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-transform-'));
  const channels = new ChannelPool(TransformClient);
  const pool = new ProcessPool({ workDir: join(dir, 'work'), runningMax: 2, spareIdleMs: 1_000 });
  const limits = { timeMsMax: 3_000, outputBytesMax: 8_000_000, memoryBytesMax: 100_000_000 };
  let server: RpcServer;
  let client: TransformClient;

  beforeAll(async () => {
    const service = transformService(pool, limits, new Handlers('transform-runner', silentLogger));
    server = new RpcServer({ host: '127.0.0.1', port: 0, services: [service], logger: silentLogger });
    client = channels.get(`127.0.0.1:${await server.start()}`);
  });

  afterAll(() => {
    pool.close();
    channels.close();
    server.stop();
    rmSync(dir, { recursive: true });
  });

  function program(name: string, text: string, mode = 0o755): string {
    const path = join(dir, name);
    writeFileSync(path, text);
    chmodSync(path, mode);
    return `file://${path}`;
  }

  function requests(
    uri: string,
    input: readonly Buffer[],
    rest: Partial<{ executable: string; arguments: string }> = {},
  ) {
    const header = {
      uri,
      executable: '',
      arguments: '',
      timeLimitMs: 0,
      outputLimitBytes: 0n,
      memoryLimitBytes: 0n,
      ...rest,
    };
    const parts: RunRequest[] = [{ part: { $case: 'header', header } }];
    for (const chunk of input) parts.push({ part: { $case: 'stdin', stdin: chunk } });
    return parts;
  }

  async function run(parts: readonly RunRequest[]): Promise<string> {
    const chunks: Buffer[] = [];
    for await (const { part } of callBidirectional(client, client.run, parts)) {
      if (part?.$case === 'stdout') chunks.push(part.stdout);
    }
    return Buffer.concat(chunks).toString();
  }

  it("runs the mission's Python example as it stands", async () => {
    const uri = program('mission.py', missionProgram);
    const messages = Array.from({ length: 1000 }, (_, id) => JSON.stringify({ id, name: `naïve ${id}` }));
    const expected = messages.map((text, id) => `${id}\t${text}\n`).join('');
    expect(await run(requests(uri, messages.map(frame)))).toBe(expected);
    expect(await run(requests(uri, messages.map(frame)))).toBe(expected);
  });

  it('gets its arguments, no environment, and input larger than any pipe', async () => {
    const uri = program('args', '#!/bin/sh\nprintf "%s|" "$@"; env | grep -c SECRET; wc -c\n');
    process.env['SECRET'] = 'x';
    const output = await run(requests(uri, Array(8).fill(Buffer.alloc(1_000_000)), { arguments: `a 'b c'` }));
    expect(output.replace(/\s+/g, ' ')).toBe('a|b c|0 8000000 ');
  });

  it.each([
    [
      'exits',
      '#!/bin/sh\ncat >/dev/null; echo oh no >&2; exit 3\n',
      'TRANSFORM_FAILED',
      'exited with code 3',
    ],
    ['dies', '#!/bin/sh\nkill -9 $$\n', 'TRANSFORM_FAILED', 'was ended by SIGKILL'],
    ['hangs', '#!/bin/sh\nsleep 600\n', 'TRANSFORM_LIMIT', 'ran longer than 3000 ms'],
    ['floods', '#!/bin/sh\nyes\n', 'TRANSFORM_LIMIT', 'wrote more than 8000000 bytes'],
    [
      'leaves a process that holds its output',
      '#!/bin/sh\nsetsid sleep 30 &\nsleep 600\n',
      'TRANSFORM_LIMIT',
      'ran longer than 3000 ms',
    ],
    [
      'hoards',
      '#!/usr/bin/env python3\nimport time\nx = bytearray(200_000_000)\ntime.sleep(600)\n',
      'TRANSFORM_LIMIT',
      'bytes of memory',
    ],
    [
      'lets others hoard',
      `#!/bin/sh\npython3 -c 'import time\nx = bytearray(200_000_000)\ntime.sleep(600)'\nexit 0\n`,
      'TRANSFORM_LIMIT',
      'bytes of memory',
    ],
  ])('that %s ends its batch with a clear error', async (name, text, code, message) => {
    const uri = program(`bad-${name}`, text);
    await expect(run(requests(uri, [frame('{}')]))).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
  });

  it('takes nothing else down when it cannot be started', async () => {
    const uri = program('args', '#!/bin/sh\nprintf "%s" "$1"\n');
    // As many as there are slots, and one more.
    for (let count = 0; count < 3; count += 1) {
      await expect(run(requests(uri, [], { arguments: 'a\0b' }))).rejects.toMatchObject({
        code: 'TRANSFORM_FAILED',
        message: expect.stringContaining('cannot be started'),
      });
    }
    expect(await run(requests(uri, [], { arguments: 'a' }))).toBe('a');
  });

  it('ends with everything it started', async () => {
    const uri = program('daemon', '#!/bin/sh\nsleep 600 >/dev/null 2>&1 </dev/null &\nprintf $!\n');
    const pid = Number(await run(requests(uri, [])));
    const state = () => {
      try {
        return readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[2];
      } catch {
        return 'gone';
      }
    };
    // A zombie has ended; who reaps it is up to the system.
    await expect.poll(state, { timeout: 5_000 }).toMatch(/gone|Z/);
  });

  it('runs in its newest version', async () => {
    const uri = program('changing', '#!/bin/sh\ncat; printf one\n');
    expect(await run(requests(uri, []))).toBe('one');
    program('changing', '#!/bin/sh\ncat; printf second\n');
    expect(await run(requests(uri, []))).toBe('second');
  });

  it('has its stderr in the error', async () => {
    const uri = program('stderr', '#!/bin/sh\necho "line 7: no id" >&2; exit 1\n');
    await expect(run(requests(uri, []))).rejects.toMatchObject({ detail: 'line 7: no id' });
  });

  it('must exist, be executable and be a file:// URI', async () => {
    const expectation = (code: string) => ({ code });
    await expect(run(requests('file:///nowhere', []))).rejects.toMatchObject(expectation('TRANSFORM_FAILED'));
    await expect(run(requests(program('plain', 'x', 0o644), []))).rejects.toMatchObject(
      expectation('TRANSFORM_FAILED'),
    );
    await expect(run(requests('ftp://x', []))).rejects.toMatchObject(expectation('SQL_UNSUPPORTED'));
  });

  it.skipIf(spawnSync('jq', ['--version']).error !== undefined)('may be jq over the records', async () => {
    const jq = (records: readonly string[]) =>
      run(
        requests('memsql://json', records.map(frame), { arguments: `-r '[.id, (.tags | length)] | @tsv'` }),
      );
    expect(await jq(['{"id":1,"tags":["a","b"]}', '{"id":2,\n"tags":[]}'])).toBe('1\t2\n2\t0\n');
    await expect(jq(['{"id":1', '{"id":2}'])).rejects.toMatchObject({
      code: 'TRANSFORM_FAILED',
      detail: expect.stringContaining('parse error'),
    });
  });

  it('waits for a free slot and is not lost among many', async () => {
    const uri = program('slow', '#!/bin/sh\nsleep 0.2; cat\n');
    const runs = Array.from({ length: 6 }, (_, index) => run(requests(uri, [Buffer.from(`${index}`)])));
    expect(await Promise.all(runs)).toEqual(['0', '1', '2', '3', '4', '5']);
  });
});

describe('splitArguments', () => {
  it('gives back words that were quoted', () => {
    const quoted = (word: string) => `'${word.replaceAll("'", `'"'"'`)}'`;
    fc.assert(
      fc.property(fc.array(fc.string()), (words) => {
        expect(splitArguments(words.map(quoted).join(' '))).toEqual(words);
      }),
    );
  });

  it('knows double quotes and backslashes, and refuses an open quote', () => {
    expect(splitArguments('-r "[.a, \\".b\\"] | @tsv" x\\ y ""')).toEqual([
      '-r',
      '[.a, ".b"] | @tsv',
      'x y',
      '',
    ]);
    expect(() => splitArguments("'a")).toThrow('open quote');
  });
});
