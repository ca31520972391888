import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MillraceProcess } from './millrace-process.ts';
import { SqlClient } from './sql-client.ts';

/** A whole cluster in one process. */
export interface Standalone extends AsyncDisposable {
  readonly process: MillraceProcess;
  /** Holds the data in `data` and the process's log in `log`. */
  readonly dir: string;
  readonly mysqlPort: number;
  readonly grpcPort: number;
  readonly httpPort: number;
  /** Of the development broker; 0 when there is none. */
  readonly kafkaPort: number;
  connect(database?: string): Promise<SqlClient>;
}

export interface StandaloneOptions {
  readonly leaves?: number;
  /** Runs the development Kafka broker. */
  readonly kafka?: boolean;
  /** A folder that an earlier process left; kept at the end. By default a temporary one, removed at the end. */
  readonly dir?: string;
  readonly args?: readonly string[];
}

export async function startStandalone(options: StandaloneOptions = {}): Promise<Standalone> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'millrace-standalone-')));
  const args = standaloneArgs(dir, options);
  const child = await MillraceProcess.start({ service: 'standalone', args, logFile: join(dir, 'log') });
  const { mysql = 0, grpc = 0, http = 0, kafka = 0 } = child.ready;
  return {
    process: child,
    dir,
    mysqlPort: mysql,
    grpcPort: grpc,
    httpPort: http,
    kafkaPort: kafka,
    connect: (database) => SqlClient.connect(mysql, database),
    async [Symbol.asyncDispose]() {
      await child.stop();
      if (options.dir === undefined) await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Any free ports, so that test files may run beside anything else. */
export function standaloneArgs(dir: string, options: StandaloneOptions = {}): string[] {
  const ports = ['mysql', 'grpc', 'http'].flatMap((port) => [`--${port}-port`, '0']);
  const kafka = options.kafka === true ? ['--kafka-any-port'] : ['--kafka-port', '0'];
  const leaves = ['--leaves', String(options.leaves ?? 2)];
  return ['--data-dir', join(dir, 'data'), ...leaves, ...ports, ...kafka, ...(options.args ?? [])];
}
