import type { CatalogStore } from '@millrace/catalog/catalog-store';
import type { TableDefinition } from '@millrace/catalog/definitions';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { BindContext } from '@millrace/planner/bind-context';
import { silentLogger } from '@millrace/runtime/logger';
import { Pipelines } from '../pipelines.ts';
import type {
  ExtractFailure,
  ExtractOrder,
  ExtractReport,
  LoadRequest,
  SourcePartitionState,
} from '../ports.ts';

const never = new AbortController().signal;

export function node(nodeId: string, address: string, gone = never) {
  return { nodeId, address, capacity: 1, leaving: gone, gone };
}

/** A source, extractor and leaves in memory: what is committed is what `loaded` holds. */
export class FakeCluster {
  partitions: SourcePartitionState[] = [{ sourcePartition: '0', earliestOffset: 0n, latestOffset: 10n }];
  /** Thrown by the next extractions, oldest first. */
  readonly extractFailures: unknown[] = [];
  readonly loadFailures: unknown[] = [];
  readonly loaded: string[] = [];
  /** Source partitions whose rows no leaf takes. */
  readonly unloadable = new Set<string>();
  skippedRows = 0n;
  readonly orders: ExtractOrder[] = [];
  abandoned = 0;
  extractorOnline = true;
  extractors = [node('e', 'extractor:1')];
  /** Extraction at this address never ends by itself. */
  hangingAddress = '';
  /** The extractor at this address reaches no source. */
  separatedAddress = '';
  /** How often it was asked all the same. */
  askedSeparated = 0;
  leafAddress = 'leaf:1';
  nowSeconds = () => Date.now() / 1000;
  /** Called once in the middle of the next call. */
  duringDescribe: (() => void) | undefined;
  duringExtract: (() => void) | undefined;
  readonly waitsMs: number[] = [];
  failure: ExtractFailure | undefined;
  #transactions = 0n;

  async describe(
    address: string,
    request: { cursors: readonly { sourcePartition: string; offset: bigint }[]; waitMs: number },
    signal: AbortSignal,
  ) {
    this.#expectSource(address);
    this.waitsMs.push(request.waitMs);
    const happens = this.duringDescribe;
    this.duringDescribe = undefined;
    happens?.();
    const cursors = new Map(request.cursors.map(({ sourcePartition, offset }) => [sourcePartition, offset]));
    const caughtUp = this.partitions.every(
      (each) => (cursors.get(each.sourcePartition) ?? each.earliestOffset) === each.latestOffset,
    );
    if (caughtUp && request.waitMs > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 5);
        signal.addEventListener('abort', () => resolve(clearTimeout(timer)), { once: true });
      });
    }
    signal.throwIfAborted();
    return this.partitions;
  }

  async extract(address: string, order: ExtractOrder, signal: AbortSignal): Promise<ExtractReport> {
    this.#expectSource(address);
    this.orders.push(order);
    if (address === this.hangingAddress) {
      await new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(new MillraceError('QUERY_KILLED', 'cancelled')), {
          once: true,
        }),
      );
    }
    const failure = this.extractFailures.shift();
    if (failure !== undefined) throw failure;
    const leafAddress = order.targets[0]?.leafAddress ?? '';
    this.duringExtract?.();
    this.duringExtract = undefined;
    const slices = order.ranges.map((range, at) => ({
      ordinal: 0,
      leafAddress,
      slice: `${order.slicePrefix}-${at}:${range.sourcePartition}:${range.beginOffset}-${range.endOffset}`,
      rows: range.endOffset - range.beginOffset,
    }));
    const ranges = order.ranges.map((range) => {
      const rows = range.endOffset - range.beginOffset;
      return { ...range, records: rows, bytes: rows * 10n, transformedBytes: 0n, rows, seconds: 0.01 };
    });
    return { slices, ranges, warnings: [] };
  }

  #expectSource(address: string): void {
    if (address !== this.separatedAddress) return;
    this.askedSeparated += 1;
    throw new MillraceError('SOURCE_UNREACHABLE', `no broker from ${address}`);
  }

  preview = async () => [[1n]];

  failureOf = () => this.failure;

  begin = () => {
    this.#transactions += 1n;
    return this.#transactions;
  };

  abandon = async () => {
    this.abandoned += 1;
  };

  run = async (request: LoadRequest) => {
    const failure = this.loadFailures.shift();
    if (failure !== undefined) throw failure;
    const slices = request.participants.flatMap(({ operations }) =>
      operations.map(({ slice }) => slice.split(':').slice(1).join(':')),
    );
    if (slices.some((slice) => this.unloadable.has(slice.slice(0, slice.indexOf(':')))))
      throw new MillraceError('DUPLICATE_KEY', 'duplicate key "a: 1"');
    const { skippedRows } = this;
    request.alongDecision(request.participants.map(() => ({ affectedRows: 10n, skippedRows })));
    this.loaded.push(...slices);
  };
}

/** The table `t` that pipelines of these tests load. */
export const table: Omit<TableDefinition, 'id'> = {
  name: 't',
  storage: 'rowstore',
  reference: false,
  columns: [{ name: 'a', type: { kind: 'int', unsigned: false }, nullable: true }],
  keys: [],
  shardKey: ['a'],
  sortKey: [],
};

/** What the metrics of pipelines add up to. */
export class RecordedMetrics {
  readonly sums = new Map<string, number>();
  readonly lags: number[] = [];

  count = (name: string) => (value: number) => {
    this.sums.set(name, (this.sums.get(name) ?? 0) + value);
  };
}

export function fakePipelines(
  catalog: CatalogStore,
  cluster: FakeCluster,
  metrics = new RecordedMetrics(),
): Pipelines {
  const { count } = metrics;
  const context = {
    database: 'd',
    catalog: catalog.schema,
    parameters: [],
    now: '2026-01-01 00:00:00.000000',
  };
  return new Pipelines({
    catalog,
    bindContext: () => context as unknown as BindContext,
    transactions: cluster,
    extractors: cluster,
    nodes: {
      extractors: () => (cluster.extractorOnline ? cluster.extractors : []),
      runners: () => [],
      leaves: () => [node('leaf-1', cluster.leafAddress)],
    },
    clock: { nowSeconds: () => cluster.nowSeconds(), monotonicSeconds: () => performance.now() / 1000 },
    sourceDelayMs: () => 1,
    logger: silentLogger,
    metrics: {
      batches: count('batches'),
      rows: count('rows'),
      bytes: count('bytes'),
      batchSeconds: count('batchSeconds'),
      lag: (value) => void metrics.lags.push(value),
      errors: count('errors'),
    },
  });
}
