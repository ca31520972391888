import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTopic, produce } from '../support/kafka.ts';
import { repositoryRoot } from '../support/millrace-process.ts';
import { isAvailable } from '../support/need.ts';
import { pipelineState, untilRows } from '../support/pipelines.ts';
import { pythonEnvironment } from '../support/python-environment.ts';
import { startSecuredStandalone } from '../support/secured-standalone.ts';
import { eventually, type SqlClient } from '../support/sql-client.ts';
import { type Standalone, startStandalone } from '../support/standalone.ts';

const grpcioVersion = '1.85.1';
const packages = ['grpcio', 'grpcio-tools', 'grpcio-reflection', 'grpcio-health-checking'];
const { python, unavailableReason } = pythonEnvironment(
  `grpcio-${grpcioVersion}`,
  packages.map((name) => `${name}==${grpcioVersion}`),
  ['grpc', 'grpc_tools', 'grpc_reflection', 'grpc_health'],
);
const available = isAvailable('grpcio', unavailableReason);
const grpcurl = findGrpcurl();

const services = [
  'grpc.health.v1.Health',
  'millrace.cluster.v1.Cluster',
  'millrace.cluster.v1.PipelineAdmin',
  'millrace.query.v1.Query',
];

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Everything goes through the programs of docs/examples, as a user would run them. */
describe.skipIf(!available)('gRPC clients in Python', () => {
  const generated = mkdtempSync(join(tmpdir(), 'millrace-python-'));
  let server: Standalone;
  let client: SqlClient;
  let address: string;

  beforeAll(async () => {
    const protoRoot = join(repositoryRoot, 'proto');
    const files = globSync('millrace/**/*.proto', { cwd: protoRoot });
    const outputs = [`--python_out=${generated}`, `--grpc_python_out=${generated}`];
    const { status, stderr } = spawnSync(
      python,
      ['-m', 'grpc_tools.protoc', '-I', protoRoot, ...outputs, ...files],
      { cwd: protoRoot, encoding: 'utf8' },
    );
    expect(stderr).toBe('');
    expect(status).toBe(0);
    server = await startStandalone({ kafka: true });
    address = `127.0.0.1:${server.grpcPort}`;
    client = await server.connect();
    await client.run(
      'CREATE DATABASE shop PARTITIONS 3',
      'USE shop',
      'CREATE TABLE items (id INT PRIMARY KEY, name VARCHAR(20), price DECIMAL(10,2), ratio DOUBLE, picture VARBINARY(10), big BIGINT UNSIGNED, at DATETIME)',
      "INSERT INTO items VALUES (1, 'cup', 2.50, 0.5, x'00ff', 18446744073709551615, '2026-01-31 10:00:00'), (2, 'pot', NULL, NULL, NULL, NULL, NULL), (3, 'żółw', -1, -2e3, '', 0, NULL)",
    );
  });

  afterAll(async () => {
    await client?.close();
    await server?.[Symbol.asyncDispose]();
    rmSync(generated, { recursive: true, force: true });
  });

  const start = (program: string, ...args: string[]): ChildProcess => startAt(address, {}, program, ...args);

  function startAt(
    to: string,
    variables: Readonly<Record<string, string>>,
    program: string,
    ...args: string[]
  ): ChildProcess {
    const settings = { PYTHONPATH: generated, PYTHONDONTWRITEBYTECODE: '1', PYTHONIOENCODING: 'utf8' };
    return spawn(python, [join(repositoryRoot, 'docs/examples', program), to, ...args], {
      env: { ...process.env, ...settings, ...variables },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  const run = (...args: string[]) => ended(start('query_client.py', ...args));
  const reflect = (...args: string[]) => ended(start('reflection_client.py', ...args));

  it('prints typed rows', async () => {
    expect(await run('query', 'shop', 'SELECT * FROM items ORDER BY id')).toEqual({
      code: 0,
      stdout: [
        'id\tname\tprice\tratio\tpicture\tbig\tat',
        '1\tcup\t2.50\t0.5\t0x00ff\t18446744073709551615\t2026-01-31 10:00:00',
        '2\tpot\tNULL\tNULL\tNULL\tNULL\tNULL',
        '3\tżółw\t-1.00\t-2000.0\t0x\t0\tNULL',
        '',
      ].join('\n'),
      stderr: '3 rows\n',
    });
  });

  it('shows certificates and token to a server that asks for them', async () => {
    await using secured = await startSecuredStandalone();
    const { MILLRACE_CLUSTER_TOKEN_FILE: _token, ...certificates } = secured.variables;
    const ask = (variables: Readonly<Record<string, string>>, ...args: string[]) =>
      ended(startAt(secured.address, variables, 'query_client.py', ...args));
    const query = ['query', '', 'SELECT 42 AS n'];
    expect(await ask(secured.variables, ...query)).toEqual({
      code: 0,
      stdout: 'n\n42\n',
      stderr: '1 rows\n',
    });
    expect(await ask(secured.variables, 'pipelines')).toMatchObject({ code: 0, stderr: '0 pipelines\n' });
    expect(await ask(certificates, ...query)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('token'),
    });
  });

  it('passes parameters as values', async () => {
    const sql = 'SELECT id FROM items WHERE name = ? OR id = ? ORDER BY id';
    expect((await run('query', 'shop', sql, "cup' OR 1", '3')).stdout).toBe('id\n3\n');
    expect((await run('query', 'shop', sql, 'cup', '3')).stdout).toBe('id\n1\n3\n');
  });

  it('streams a large result in batches', async () => {
    await client.run('CREATE TABLE many (n INT)');
    const rows = Array.from({ length: 20_000 }, (_unused, n) => `(${n})`);
    const inserted = await run('query', 'shop', `INSERT INTO many VALUES ${rows.slice(0, 10_000).join()}`);
    expect(inserted).toMatchObject({ code: 0, stderr: '10000 rows affected\n' });
    await client.run(`INSERT INTO many VALUES ${rows.slice(10_000).join()}`);
    const { stdout, stderr } = await run('query', 'shop', 'SELECT n FROM many');
    expect(stderr).toBe('20000 rows\n');
    expect(new Set(stdout.trim().split('\n').slice(1)).size).toBe(20_000);
  });

  it('shows code, SQLSTATE, place and remedy of an error', async () => {
    const { code, stderr } = await run('query', 'shop', 'SELECT * FROM nowhere');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^TABLE_UNKNOWN 1146 \(42S02\): .*nowhere/);
    expect(stderr).toMatch(/^from: aggregator/m);
    expect(stderr).toMatch(/^remedy: .+/m);
  });

  it('cancels the statement on Ctrl-C', async () => {
    const sql = 'SELECT COUNT(*) FROM many a, many b, many c WHERE a.n * b.n % 7 + c.n = 5';
    const child = start('query_client.py', 'query', 'shop', sql);
    const result = ended(child);
    const running = (count: number) =>
      eventually(
        () =>
          client.rows(
            "SELECT 1 FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT COUNT(*) FROM many a%'",
          ),
        (rows) => rows.length === count,
        { timeoutMs: 30_000, what: `${count} statements running` },
      );
    await running(1);
    child.kill('SIGINT');
    expect((await result).code).toBe(130);
    await running(0);
  });

  it('lists, starts and stops pipelines', async () => {
    const brokers = `127.0.0.1:${server.kafkaPort}`;
    await createTopic(brokers, 'listed', 1);
    await produce(brokers, 'listed', [{ value: '1' }, { value: '2' }, { value: '3' }]);
    await client.run(
      'CREATE TABLE listed (a INT)',
      `CREATE PIPELINE listed_pipe AS LOAD DATA KAFKA '${brokers}/listed' INTO TABLE listed`,
    );
    expect(await run('start', 'shop', 'listed_pipe')).toMatchObject({
      code: 0,
      stderr: 'listed_pipe started\n',
    });
    await untilRows(client, 'listed', 3, 'listed_pipe');
    expect((await run('pipelines')).stdout).toMatch(/^shop\tlisted_pipe\tRunning\tlisted\t.*0:3/m);
    expect(await run('stop', 'shop', 'listed_pipe')).toMatchObject({ code: 0 });
    expect(await pipelineState(client, 'listed_pipe')).toBe('Stopped');
    const unknown = await run('start', 'shop', 'nothing');
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining('PIPELINE_UNKNOWN') });
  });

  it('checks health', async () => {
    expect(await run('health')).toMatchObject({ code: 0, stderr: 'serving\n' });
  });

  it('reflection lists services and methods, and describes them', async () => {
    const listed = (await reflect('list')).stdout.trim().split('\n');
    for (const service of services) expect(listed).toContain(service);
    expect((await reflect('list', 'millrace.cluster.v1.PipelineAdmin')).stdout.trim().split('\n')).toEqual(
      ['ListPipelines', 'StartPipeline', 'StopPipeline'].map(
        (method) => `millrace.cluster.v1.PipelineAdmin.${method}`,
      ),
    );
    const query = await reflect('describe', 'millrace.query.v1.Query');
    expect(query.stdout).toContain(
      'rpc Execute(millrace.query.v1.ExecuteRequest) returns (stream millrace.query.v1.ExecuteResponse)',
    );
    const request = await reflect('describe', 'millrace.query.v1.ExecuteRequest');
    expect(request.stdout.trim().split('\n')).toEqual([
      'string sql = 1',
      'string database = 2',
      'repeated millrace.common.v1.Value parameters = 3',
      'uint32 batch_rows = 4',
    ]);
  });

  it('reflection is enough to call', async () => {
    const request = {
      sql: 'SELECT name FROM items WHERE id = ?',
      database: 'shop',
      parameters: [{ int64: 3 }],
    };
    const { stdout, stderr } = await reflect(
      'call',
      'millrace.query.v1.Query/Execute',
      JSON.stringify(request),
    );
    expect(stderr).toBe('');
    const answers = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(answers[1]).toMatchObject({ batch: { rowCount: 1, columns: [{ texts: { values: ['żółw'] } }] } });
    expect(answers.at(-1)).toHaveProperty('done');
    const health = await reflect('call', 'grpc.health.v1.Health/Check', '{}');
    expect(JSON.parse(health.stdout)).toEqual({ status: 'SERVING' });
  });

  it.skipIf(grpcurl === undefined)('grpcurl lists, describes and calls', async () => {
    const curl = (...args: string[]) => ended(spawn(grpcurl ?? '', ['-plaintext', ...args]));
    const listed = await curl(address, 'list');
    for (const service of services) expect(listed.stdout.split('\n')).toContain(service);
    expect((await curl(address, 'list', 'millrace.query.v1.Query')).stdout).toBe(
      'millrace.query.v1.Query.Execute\n',
    );
    expect((await curl(address, 'describe', 'millrace.query.v1.ExecuteRequest')).stdout).toContain(
      'string sql = 1;',
    );
    const called = await curl(
      '-d',
      '{"sql": "SELECT 40 + 2 AS n"}',
      address,
      'millrace.query.v1.Query/Execute',
    );
    expect(called).toMatchObject({ code: 0, stdout: expect.stringContaining('"42"') });
    expect((await curl(address, 'grpc.health.v1.Health/Check')).stdout).toContain('SERVING');
  });
});

async function ended(child: ChildProcess): Promise<Ended> {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, stdout, stderr };
}

/** One that is installed, or that was built into the cache; nothing is built here, for that takes minutes. */
function findGrpcurl(): string | undefined {
  const built = join(homedir(), '.cache', 'millrace', 'grpcurl-1.9.3', 'grpcurl');
  return ['grpcurl', built].find((path) => spawnSync(path, ['-version']).status === 0);
}
