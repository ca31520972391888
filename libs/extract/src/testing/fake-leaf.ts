import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { openEngine } from '@millrace/engine/duckdb-instance';
import { readParquetExpression } from '@millrace/engine/parquet';
import { LeafService, type StageHeader } from '@millrace/proto/millrace/leaf/v1/leaf';
import { Handlers } from '@millrace/rpc/handlers';
import { RpcServer } from '@millrace/rpc/server';
import { silentLogger } from '@millrace/runtime/logger';
import type { ScalarValue } from '@millrace/values/column-batch';

export interface ReceivedSlice {
  readonly header: StageHeader;
  readonly path: string;
  readonly bytes: number;
}

/** A gRPC server that keeps staged slices as files, in the order in which they ended. */
export class FakeLeaf {
  readonly slices: ReceivedSlice[] = [];
  /** Called for each chunk before it is kept. */
  beforeChunk: (bytes: number) => Promise<void> = () => Promise.resolve();
  address = '';
  readonly #directory = mkdtempSync(join(tmpdir(), 'fake-leaf-'));
  readonly #server: RpcServer;

  constructor() {
    const handlers = new Handlers('leaf fake', silentLogger);
    const stage = handlers.clientStreaming<
      Parameters<typeof LeafService.stage.requestSerialize>[0],
      Parameters<typeof LeafService.stage.responseSerialize>[0]
    >(async (requests, { signal }) => {
      let header: StageHeader | undefined;
      const chunks: Uint8Array[] = [];
      for await (const { part } of requests) {
        if (part?.$case === 'header') header = part.header;
        if (part?.$case !== 'chunk') continue;
        await this.beforeChunk(part.chunk.length);
        chunks.push(part.chunk);
      }
      if (header === undefined) throw new Error('no header');
      const bytes = Buffer.concat(chunks);
      const path = join(
        this.#directory,
        `${header.partition?.ordinal}-${header.slice}-${this.slices.length}.parquet`,
      );
      writeFileSync(path, bytes);
      if (!signal.aborted) this.slices.push({ header, path, bytes: bytes.length });
      return { bytes: BigInt(bytes.length), crc32: crc32(bytes) };
    });
    this.#server = new RpcServer({
      host: '127.0.0.1',
      port: 0,
      logger: silentLogger,
      services: [{ definition: { stage: LeafService.stage }, implementation: { stage } }],
    });
  }

  async start(): Promise<void> {
    this.address = `127.0.0.1:${await this.#server.start()}`;
  }

  stop(): void {
    this.#server.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** Runs a query over slices, which it sees as the table `slices`. */
export async function querySlices(slices: readonly ReceivedSlice[], query: string): Promise<ScalarValue[][]> {
  const engine = await openEngine({ threads: 1, memoryLimitBytes: 1 << 28, tempDirectory: tmpdir() });
  const connection = await engine.connect();
  try {
    const ordered = slices.map(({ path }) => path);
    return await connection.rows(`WITH slices AS (SELECT * FROM ${readParquetExpression(ordered)}) ${query}`);
  } finally {
    connection.close();
    engine.close();
  }
}
