import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MillraceProcess } from './millrace-process.ts';
import { SqlClient } from './sql-client.ts';

/** A whole cluster in one process, on a data directory of its own. */
export interface Standalone extends AsyncDisposable {
  readonly process: MillraceProcess;
  readonly dataDir: string;
  readonly mysqlPort: number;
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly kafkaPort: number;
  connect(database?: string): Promise<SqlClient>;
}

export async function startStandalone(
  options: { readonly leaves?: number; readonly kafka?: boolean } = {},
): Promise<Standalone> {
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-standalone-'));
  const args = ['--data-dir', join(dataDir, 'data'), '--leaves', String(options.leaves ?? 2)];
  for (const port of ['mysql', 'grpc', 'http']) args.push(`--${port}-port`, '0');
  args.push(...(options.kafka === true ? ['--kafka-any-port'] : ['--kafka-port', '0']));
  const child = await MillraceProcess.start({ service: 'standalone', args, logFile: join(dataDir, 'log') });
  const { mysql = 0, grpc = 0, http = 0, kafka = 0 } = child.ready;
  return {
    process: child,
    dataDir,
    mysqlPort: mysql,
    grpcPort: grpc,
    httpPort: http,
    kafkaPort: kafka,
    connect: (database) => SqlClient.connect(mysql, database),
    async [Symbol.asyncDispose]() {
      await child.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
