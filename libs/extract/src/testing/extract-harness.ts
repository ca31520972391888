import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TableSchema } from '@millrace/proto/millrace/common/v1/schema';
import {
  BadRows,
  type CsvFormat,
  type ExtractEvent,
  ExtractorClient,
  ExtractRequest,
  type MappedField,
  type Shape,
} from '@millrace/proto/millrace/extractor/v1/extractor';
import { LeafClient } from '@millrace/proto/millrace/leaf/v1/leaf';
import { TransformClient } from '@millrace/proto/millrace/transform/v1/transform';
import { ChannelPool, callServerStream } from '@millrace/rpc/client';
import { Handlers } from '@millrace/rpc/handlers';
import { tableToProto } from '@millrace/rpc/schema';
import { RpcServer } from '@millrace/rpc/server';
import { silentLogger } from '@millrace/runtime/logger';
import { MetricRegistry } from '@millrace/runtime/metrics';
import type { SqlType } from '@millrace/values/sql-type';
import { createExtractor, type Extractor } from '../extractor.ts';
import { extractorMetricSpecs } from '../extractor-metrics.ts';
import { extractorService } from '../services/extractor-service.ts';
import { leafStager } from '../services/leaf-stager.ts';
import type { RecordSource } from '../sources/record-source.ts';
import { FakeLeaf } from './fake-leaf.ts';

/** An extractor behind a real gRPC channel, with fake leaves and a given source. */
export class ExtractHarness {
  readonly leaves: readonly FakeLeaf[];
  readonly client: () => ExtractorClient;
  readonly #directory = mkdtempSync(join(tmpdir(), 'extract-test-'));
  readonly #leafChannels = new ChannelPool(LeafClient);
  readonly #runnerChannels = new ChannelPool(TransformClient);
  readonly #clients = new ChannelPool(ExtractorClient);
  readonly #extractor: Extractor;
  readonly #server: RpcServer;
  source: RecordSource | undefined;
  address = '';

  constructor(leafCount: number, options: { readonly bufferBytesMax?: number } = {}) {
    this.leaves = Array.from({ length: leafCount }, () => new FakeLeaf());
    this.#extractor = createExtractor({
      workDirectory: this.#directory,
      engineThreads: 1,
      engineMemoryBytesMax: 1 << 29,
      bufferBytesMax: options.bufferBytesMax ?? 1 << 28,
      stage: leafStager(this.#leafChannels),
      logger: silentLogger,
      metrics: new MetricRegistry().declare(extractorMetricSpecs),
      openSource: async () => {
        if (this.source === undefined) throw new Error('no source');
        return this.source;
      },
    });
    const handlers = new Handlers('extractor test', silentLogger);
    this.#server = new RpcServer({
      host: '127.0.0.1',
      port: 0,
      logger: silentLogger,
      services: [extractorService(this.#extractor, this.#runnerChannels, handlers)],
    });
    this.client = () => this.#clients.get(this.address);
  }

  async start(): Promise<void> {
    for (const leaf of this.leaves) await leaf.start();
    this.address = `127.0.0.1:${await this.#server.start()}`;
  }

  stop(): void {
    this.#server.stop();
    this.#clients.close();
    this.#leafChannels.close();
    this.#runnerChannels.close();
    for (const leaf of this.leaves) leaf.stop();
    this.#extractor.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Names of files and directories in the work directory. */
  leftovers(): string[] {
    if (!existsSync(this.#directory)) return [];
    return readdirSync(this.#directory, { recursive: true })
      .map(String)
      .filter((name) => name.includes('/') && !name.endsWith('engine'));
  }

  /** Runs Extract; every call has a source of its own, so connections are not shared. */
  async extract(
    source: RecordSource,
    request: ExtractRequest,
    signal?: AbortSignal,
  ): Promise<ExtractEvent[]> {
    this.source = source;
    calls += 1;
    const withSource = { ...request, source: { ...sourceOf(), topic: `events-${calls}` } };
    const client = this.client();
    const events: ExtractEvent[] = [];
    for await (const event of callServerStream(client, client.extract, withSource, { signal }))
      events.push(event);
    return events;
  }
}

let calls = 0;

function sourceOf() {
  return { type: 'array', brokers: '', topic: '', config: {}, credentials: {} };
}

export interface TestColumn {
  readonly name: string;
  readonly type: SqlType;
  readonly nullable?: boolean;
}

export function testTable(
  columns: readonly TestColumn[],
  options: {
    readonly shardKey?: string[];
    readonly reference?: boolean;
    readonly primaryKey?: string[];
  } = {},
): TableSchema {
  const { shardKey = [], reference = false, primaryKey } = options;
  return tableToProto({
    id: 7n,
    name: 't',
    storage: 'columnstore',
    reference,
    columns: columns.map(({ name, type, nullable = true }) => ({ name, type, nullable })),
    keys: primaryKey === undefined ? [] : [{ kind: 'primary', name: 'PRIMARY', columns: primaryKey }],
    shardKey,
    sortKey: [],
  });
}

export function jsonField(name: string, path: string[] = [name]): MappedField {
  return { target: { $case: 'column', column: name }, path, hasDefault: false, default: undefined };
}

export function shapeOf(shape: Partial<Shape>): Shape {
  return {
    format: { $case: 'json', json: {} },
    fields: [],
    set: [],
    where: '',
    onParseError: BadRows.FAIL,
    onConstraintError: BadRows.FAIL,
    transform: undefined,
    defaults: [],
    ...shape,
  };
}

export function csvFormat(csv: Partial<CsvFormat> = {}): NonNullable<Shape['format']> {
  return {
    $case: 'csv',
    csv: {
      fieldsTerminatedBy: '\t',
      fieldsEnclosedBy: '',
      fieldsOptionallyEnclosed: false,
      fieldsEscapedBy: '\\',
      linesTerminatedBy: '\n',
      linesStartingBy: '',
      trailingNullcols: false,
      hasNullDefinedBy: false,
      nullDefinedBy: '',
      nullOptionallyEnclosed: false,
      ignoreLines: 0,
      ...csv,
    },
  };
}

export interface TestRequest {
  readonly table: TableSchema;
  readonly shape: Shape;
  /** Source partition name to the number of its records. */
  readonly records: Readonly<Record<string, number>>;
  readonly leaves: readonly FakeLeaf[];
  readonly partitionCount: number;
  readonly batchId?: bigint;
}

export function extractRequest({ table, shape, records, leaves, partitionCount, batchId = 0n }: TestRequest) {
  const targets = table.reference
    ? leaves.map(({ address }) => ({ ordinal: -1, leafAddress: address }))
    : Array.from({ length: partitionCount }, (_, ordinal) => ({
        ordinal,
        leafAddress: leaves[ordinal % leaves.length]?.address ?? '',
      }));
  return ExtractRequest.fromPartial({
    transactionId: 11n,
    pipelineId: 3n,
    pipelineName: 'p',
    epoch: 1n,
    batchId,
    source: sourceOf(),
    ranges: Object.entries(records).map(([sourcePartition, count]) => ({
      sourcePartition,
      beginOffset: 0n,
      endOffset: BigInt(count),
    })),
    shape,
    databaseId: 5n,
    table,
    targets,
    slicePrefix: 'x',
  });
}
