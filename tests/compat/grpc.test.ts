import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTopic, produce } from '../support/kafka.ts';
import { repositoryRoot } from '../support/millrace-process.ts';
import { untilRows } from '../support/pipelines.ts';
import { startSecuredStandalone } from '../support/secured-standalone.ts';
import { eventually, type SqlClient } from '../support/sql-client.ts';
import { type Standalone, startStandalone } from '../support/standalone.ts';

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Everything goes through docs/examples/query-client.ts, as a user would run it. */
describe('the gRPC example client', () => {
  let server: Standalone;
  let client: SqlClient;
  let address: string;

  beforeAll(async () => {
    server = await startStandalone({ kafka: true });
    address = `127.0.0.1:${server.grpcPort}`;
    client = await server.connect();
    await client.run(
      'CREATE DATABASE shop PARTITIONS 3',
      'USE shop',
      'CREATE TABLE items (id INT PRIMARY KEY, name VARCHAR(20), price DECIMAL(10,2), picture VARBINARY(10), big BIGINT UNSIGNED)',
      "INSERT INTO items VALUES (1, 'cup', 2.50, x'00ff', 18446744073709551615), (2, 'pot', NULL, NULL, NULL), (3, 'żółw', -1, '', 0)",
    );
  });

  afterAll(async () => {
    await client?.close();
    await server?.[Symbol.asyncDispose]();
  });

  const start = (...args: string[]): ChildProcess => startAt(address, {}, ...args);

  function startAt(to: string, variables: Readonly<Record<string, string>>, ...args: string[]): ChildProcess {
    const example = join(repositoryRoot, 'docs/examples/query-client.ts');
    return spawn(process.execPath, [example, to, ...args], {
      env: { ...process.env, ...variables },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  async function ended(child: ChildProcess): Promise<Ended> {
    let stdout = '';
    let stderr = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { code, stdout, stderr };
  }

  const run = (...args: string[]) => ended(start(...args));

  it('prints the rows of a query', async () => {
    expect(await run('query', 'shop', 'SELECT * FROM items ORDER BY id')).toEqual({
      code: 0,
      stdout: [
        'id\tname\tprice\tpicture\tbig',
        '1\tcup\t2.50\t0x00ff\t18446744073709551615',
        '2\tpot\tNULL\tNULL\tNULL',
        '3\tżółw\t-1.00\t0x\t0',
        '',
      ].join('\n'),
      stderr: '3 rows\n',
    });
  });

  it('shows certificates and token to a server that asks for them', async () => {
    await using secured = await startSecuredStandalone();
    const { MILLRACE_CLUSTER_TOKEN_FILE: _token, ...certificates } = secured.variables;
    const ask = (variables: Readonly<Record<string, string>>) =>
      ended(startAt(secured.address, variables, 'query', '', 'SELECT 42 AS n'));
    expect(await ask(secured.variables)).toEqual({ code: 0, stdout: 'n\n42\n', stderr: '1 rows\n' });
    expect(await ask(certificates)).toMatchObject({ code: 1, stderr: expect.stringContaining('token') });
    expect(await ask({})).toMatchObject({ code: 1 });
  });

  it('passes parameters as values', async () => {
    const { stdout } = await run(
      'query',
      'shop',
      'SELECT id FROM items WHERE name = ? AND id < ?',
      "cup' OR 1",
      '9',
    );
    expect(stdout).toBe('id\n');
    const found = await run(
      'query',
      'shop',
      'SELECT id FROM items WHERE name = ? OR id = ? ORDER BY id',
      'cup',
      '3',
    );
    expect(found.stdout).toBe('id\n1\n3\n');
  });

  it('reports what a statement changed', async () => {
    await client.run('CREATE TABLE changes (a INT)');
    const inserted = await run('query', 'shop', 'INSERT INTO changes VALUES (?), (?)', '1', '2');
    expect(inserted).toMatchObject({ code: 0, stdout: '', stderr: '2 rows affected\n' });
    expect(await client.value('SELECT SUM(a) FROM changes')).toBe('3');
  });

  it('streams a large result in batches', async () => {
    await client.run('CREATE TABLE many (n INT)');
    for (let begin = 0; begin < 100_000; begin += 20_000) {
      await client.run(
        `INSERT INTO many VALUES ${Array.from({ length: 20_000 }, (_u, n) => `(${begin + n})`).join()}`,
      );
    }
    const { stdout, stderr } = await run('query', 'shop', 'SELECT n FROM many');
    expect(stderr).toBe('100000 rows\n');
    expect(new Set(stdout.trim().split('\n').slice(1)).size).toBe(100_000);
  });

  it('shows code, SQLSTATE, place and remedy of an error', async () => {
    const { code, stderr } = await run('query', 'shop', 'SELECT * FROM nowhere');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^TABLE_UNKNOWN 1146 \(42S02\): .*nowhere/);
    expect(stderr).toMatch(/^from: aggregator/m);
    expect(stderr).toMatch(/^remedy: .+/m);
    const syntax = await run('query', 'shop', 'SELECT\n  FROM');
    expect(syntax.stderr).toMatch(/^SQL_SYNTAX 1064 \(42000\): .*line 2/);
    const duplicate = await run('query', 'shop', 'INSERT INTO items (id) VALUES (1)');
    expect(duplicate.stderr).toMatch(/^DUPLICATE_KEY 1062 \(23000\)/);
  });

  it('cancels the statement on Ctrl-C', async () => {
    const child = start(
      'query',
      'shop',
      'SELECT COUNT(*) FROM many a, many b, many c WHERE a.n * b.n % 7 + c.n = 5',
    );
    const result = ended(child);
    const running = (count: number) =>
      eventually(
        () =>
          client.rows(
            "SELECT 1 FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT COUNT(*) FROM many a%'",
          ),
        (rows) => rows.length === count,
        { timeoutMs: 20_000, what: `${count} statements running` },
      );
    await running(1);
    child.kill('SIGINT');
    expect((await result).code).toBe(130);
    await running(0);
  });

  it('lists pipelines with their positions', async () => {
    const brokers = `127.0.0.1:${server.kafkaPort}`;
    await createTopic(brokers, 'listed', 1);
    await produce(brokers, 'listed', [{ value: '1' }, { value: '2' }, { value: '3' }]);
    await client.run(
      'CREATE TABLE listed (a INT)',
      `CREATE PIPELINE listed_pipe AS LOAD DATA KAFKA '${brokers}/listed' INTO TABLE listed`,
      'START PIPELINE listed_pipe',
    );
    await untilRows(client, 'listed', 3, 'listed_pipe');
    const { stdout, stderr } = await run('pipelines');
    expect(stderr).toBe('1 pipelines\n');
    expect(stdout).toMatch(/^shop\tlisted_pipe\tRunning\tlisted\t.*0:3/m);
  });

  it('checks health', async () => {
    expect(await run('health')).toMatchObject({ code: 0, stderr: 'serving\n' });
  });

  it('explains itself and a server that is away', async () => {
    expect(await run('nothing')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('query-client.ts HOST:PORT'),
    });
  });

  it('reflection lists the services', async () => {
    const reflection = new Client(address, credentials.createInsecure());
    const call = reflection.makeBidiStreamRequest(
      '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
      (request: Buffer) => request,
      (response: Buffer) => response,
      new Metadata(),
      {},
    );
    // { list_services: "" }, field 7 of the request.
    call.write(Buffer.from([0x3a, 0x00]));
    call.end();
    let answer = '';
    for await (const chunk of call) answer += (chunk as Buffer).toString('latin1');
    reflection.close();
    for (const service of [
      'millrace.query.v1.Query',
      'millrace.cluster.v1.Cluster',
      'millrace.cluster.v1.PipelineAdmin',
      'grpc.health.v1.Health',
    ]) {
      expect(answer).toContain(service);
    }
  });
});
