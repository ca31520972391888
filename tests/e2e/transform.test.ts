import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from '../support/cluster.ts';
import { hasRealKafka, produce, type RealKafka, startRealKafka } from '../support/kafka.ts';
import { pipelineErrors, pipelineState, untilError, untilRows } from '../support/pipelines.ts';
import type { SqlClient } from '../support/sql-client.ts';

/** The reference example of the documentation, as users copy it. */
const pairsProgram = String.raw`#!/usr/bin/env python3
import json, struct, sys

def records():
    while len(size := sys.stdin.buffer.read(8)) == 8:
        yield sys.stdin.buffer.read(struct.unpack("L", size)[0])

for r in records():
    sys.stdout.write("%s\t%s\n" % (json.loads(r)["id"], r.decode()))
`;

/** Python's own framing loop; `body` handles one record `r`. */
const python = (body: string) => `#!/usr/bin/env python3
import json, struct, sys, time

def records():
    while len(size := sys.stdin.buffer.read(8)) == 8:
        yield sys.stdin.buffer.read(struct.unpack("L", size)[0])

for r in records():
${body
  .split('\n')
  .map((line) => `    ${line}`)
  .join('\n')}
`;

const messageCount = 3_000;

describe.skipIf(!hasRealKafka)('WITH TRANSFORM', () => {
  let folder: string;
  let kafka: RealKafka;
  let cluster: Cluster;
  let client: SqlClient;
  let brokers: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-transform-test-'));
    const limits = ['--time-limit-seconds', '4', '--output-limit-mb', '1', '--memory-limit-mb', '128'];
    [kafka, cluster] = await Promise.all([
      startRealKafka(),
      Cluster.start({ leaves: 1, args: { 'transform-runner': limits } }),
    ]);
    brokers = kafka.brokers;
    client = await cluster.connect();
    await client.run('CREATE DATABASE transforms PARTITIONS 2', 'USE transforms');
    await kafka.createTopic({ topic: 'documents', partitions: 2 });
    const messages = Array.from({ length: messageCount }, (_unused, id) => ({
      value: JSON.stringify({ id, text: `żółw ${id}`, list: [id] }),
    }));
    await produce(brokers, 'documents', messages, 2);
  });

  afterAll(async () => {
    await client?.close();
    await cluster?.[Symbol.asyncDispose]();
    await kafka?.stop();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  async function create(name: string, program: string, options = ''): Promise<void> {
    const path = join(folder, name);
    await writeFile(path, program);
    await chmod(path, 0o755);
    await client.run(
      `CREATE TABLE ${name} (id BIGINT, document LONGTEXT)`,
      `CREATE PIPELINE ${name}_pipe AS LOAD DATA KAFKA '${brokers}/documents' ${options} WITH TRANSFORM ('file://${path}', '', '')
        INTO TABLE ${name}`,
    );
  }

  /** Runs a pipeline until it gives up; nothing of it may be visible. */
  async function failing(name: string, program: string, attempts = 1) {
    await create(name, program, `MAX_RETRIES_PER_BATCH_PARTITION ${attempts}`);
    await client.run(`START PIPELINE ${name}_pipe`);
    const errors = await untilError(client, `${name}_pipe`, 90_000);
    expect(await client.value(`SELECT COUNT(*) FROM ${name}`)).toBe('0');
    for (const error of errors) {
      expect(error).toMatchObject({ type: 'Error', kind: 'Transform' });
      expect(error.message).toMatch(/topic 'documents' partition [01] offsets 0 to 1499: /);
    }
    expect(errors).toHaveLength(attempts);
    return errors;
  }

  it('loads the id and the whole text of every message through the Python program', async () => {
    await create('pairs', pairsProgram);
    expect(await client.affected('START PIPELINE pairs_pipe FOREGROUND')).toBe(messageCount);
    const rows = await client.rows('SELECT id, document FROM pairs ORDER BY id');
    const expected = Array.from({ length: messageCount }, (_unused, id) => [
      String(id),
      JSON.stringify({ id, text: `żółw ${id}`, list: [id] }),
    ]);
    expect(rows).toEqual(expected);
    expect(await pipelineErrors(client, 'pairs_pipe')).toEqual([]);
  });

  it('a program that exits with an error fails the batch, with its stderr', async () => {
    const errors = await failing('exits', python(`sys.stderr.write("cannot go on\\n")\nsys.exit(3)`), 4);
    expect(errors[0]?.message).toMatch(/exit(ed)?.*\b3\b/);
    expect(errors[0]?.stdError).toContain('cannot go on');
  });

  it('an exception after all rows were written still fails the batch', async () => {
    await failing(
      'late',
      python(`print(json.loads(r)["id"], "x", sep="\\t")\nlast = r`).concat(
        'raise RuntimeError("at the end")\n',
      ),
    );
  });

  it('a program that hangs is ended after its time', async () => {
    const errors = await failing('hangs', python('time.sleep(1000)'));
    expect(errors[0]?.message).toMatch(/ran longer than 4000 ms/);
  });

  it('a program that floods is ended', async () => {
    const errors = await failing('floods', python('while True: sys.stdout.write("1\\tx\\n" * 1000)'));
    expect(errors[0]?.message).toMatch(/wrote more than 1048576 bytes/);
  });

  it('a program that takes too much memory is ended', async () => {
    const errors = await failing('grows', python('hoard = b"x" * (300 << 20)\ntime.sleep(1000)'));
    expect(errors[0]?.message).toMatch(/used more than 134217728 bytes of memory/);
  });

  it('a program that is not there is refused', async () => {
    const refused = client.run(
      'CREATE TABLE absent (id BIGINT)',
      `CREATE PIPELINE absent_pipe AS LOAD DATA KAFKA '${brokers}/documents' WITH TRANSFORM ('file://${folder}/no_such', '', '')
        INTO TABLE absent`,
      'START PIPELINE absent_pipe FOREGROUND',
    );
    await expect(refused).rejects.toThrow(/no_such/);
  });

  it('and meanwhile everything else goes on', async () => {
    await create('healthy', python(String.raw`sys.stdout.write("%s\tx\n" % json.loads(r)["id"])`));
    await create('hanging', python('time.sleep(1000)'));
    await client.run('START PIPELINE hanging_pipe', 'START PIPELINE healthy_pipe');
    await untilRows(client, 'healthy', messageCount, 'healthy_pipe');
    expect(await pipelineState(client, 'healthy_pipe')).toBe('Running');
    expect(await client.value('SELECT COUNT(*) FROM hanging')).toBe('0');
    await client.run('STOP ALL PIPELINES');
  });
});
