import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Engine, type EngineConnection, openEngine } from './duckdb-instance.ts';

/** An in-memory engine with one connection and a directory of its own, removed by `close`. For tests. */
export interface TestEngine {
  readonly engine: Engine;
  readonly connection: EngineConnection;
  readonly directory: string;
  close(): Promise<void>;
}

export async function openTestEngine(): Promise<TestEngine> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-engine-'));
  const engine = await openEngine({
    threads: 2,
    memoryLimitBytes: 512 * 1024 * 1024,
    tempDirectory: directory,
  });
  const connection = await engine.connect();
  return {
    engine,
    connection,
    directory,
    async close() {
      connection.close();
      engine.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
