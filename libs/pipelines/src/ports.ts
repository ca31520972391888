import type { PipelineShape } from '@millrace/planner/pipeline-shape';
import type { ScalarValue } from '@millrace/values/column-batch';

/** What pipelines need of the rest of the aggregator and of the cluster; the app connects them. */

export interface Clock {
  /** Unix seconds, fractional: for what people read. */
  nowSeconds(): number;
  /** Seconds from any fixed point, for durations: setting the clock of the machine does not matter. */
  monotonicSeconds(): number;
}

/** A node that is online. */
export interface NodeAddress {
  readonly nodeId: string;
  /** "host:port". */
  readonly address: string;
  /** Share of work beside other nodes of its role; at least 1. */
  readonly capacity: number;
  /** Fires when the node shall get nothing new: it is stopping, or gone. */
  readonly leaving: AbortSignal;
  /** Fires when the node is lost; the reason is the error to report. */
  readonly gone: AbortSignal;
}

/** The members of the cluster that pipelines use, those that are online. */
export interface ClusterNodes {
  extractors(): readonly NodeAddress[];
  runners(): readonly NodeAddress[];
  leaves(): readonly NodeAddress[];
}

/** One staged slice that a transaction loads into a partition. */
export interface SliceInsert {
  readonly kind: 'insert';
  readonly tableId: bigint;
  readonly slice: string;
  readonly onDuplicate: OnDuplicate;
}

export type OnDuplicate =
  | { readonly kind: 'error' | 'skip' | 'replace' }
  | {
      readonly kind: 'update';
      readonly assignments: readonly { readonly column: string; readonly expression: string }[];
    };

export interface LoadRequest {
  readonly transactionId: bigint;
  readonly schemaVersion: bigint;
  readonly locks: readonly {
    readonly tableId: bigint;
    readonly ordinal: number;
    readonly mode: 'shared' | 'exclusive';
  }[];
  readonly participants: readonly {
    readonly leafId: string;
    readonly databaseId: bigint;
    readonly ordinal: number;
    readonly operations: readonly SliceInsert[];
  }[];
  readonly alongDecision: (
    votes: readonly { readonly affectedRows: bigint; readonly skippedRows: bigint }[],
  ) => void;
  readonly lockWaitMs: number;
  readonly signal: AbortSignal;
}

/** Distributed transactions: what is staged under an id becomes visible everywhere or nowhere. */
export interface Transactions {
  begin(): bigint;
  abandon(transactionId: bigint, leafIds: readonly string[]): Promise<void>;
  run(request: LoadRequest): Promise<unknown>;
}

/** Where a pipeline reads from. */
export interface PipelineSourceSpec {
  readonly type: 'kafka';
  readonly brokers: string;
  readonly topic: string;
  readonly config: Readonly<Record<string, string>>;
  /** Secret. */
  readonly credentials: Readonly<Record<string, string>>;
}

/** What a source has of one partition; `latestOffset` is exclusive. */
export interface SourcePartitionState {
  readonly sourcePartition: string;
  readonly earliestOffset: bigint;
  readonly latestOffset: bigint;
}

/** Offsets [beginOffset, endOffset) of one source partition. */
export interface SourceRangeSpec {
  readonly sourcePartition: string;
  readonly beginOffset: bigint;
  readonly endOffset: bigint;
}

export interface ExtractOrder {
  readonly transactionId: bigint;
  readonly pipelineId: bigint;
  readonly pipelineName: string;
  readonly epoch: bigint;
  readonly batchId: bigint;
  readonly source: PipelineSourceSpec;
  readonly ranges: readonly SourceRangeSpec[];
  readonly shape: PipelineShape;
  readonly databaseId: bigint;
  readonly table: import('@millrace/catalog/definitions').TableDefinition;
  readonly targets: readonly { readonly ordinal: number; readonly leafAddress: string }[];
  readonly slicePrefix: string;
  readonly runnerAddress: string;
}

export interface StagedSliceReport {
  readonly ordinal: number;
  readonly leafAddress: string;
  readonly slice: string;
  readonly rows: bigint;
}

export interface RangeReport extends SourceRangeSpec {
  readonly records: bigint;
  readonly bytes: bigint;
  readonly transformedBytes: bigint;
  readonly rows: bigint;
  readonly seconds: number;
}

export interface RowWarningReport {
  readonly sourcePartition: string;
  readonly offset: bigint;
  readonly code: string;
  readonly message: string;
  readonly line: string;
  readonly lineNumber: bigint;
}

export interface ExtractReport {
  readonly slices: readonly StagedSliceReport[];
  readonly ranges: readonly RangeReport[];
  readonly warnings: readonly RowWarningReport[];
}

/** Where in the source an extraction failed, as the extractor reported it with its error. */
export interface ExtractFailure {
  readonly kind: 'Extract' | 'Transform' | 'Load' | 'Internal';
  readonly sourcePartition: string | null;
  readonly offset: bigint | null;
  readonly line: string | null;
  readonly lineNumber: bigint | null;
  readonly stdError: string | null;
}

/** Extractors, as pipelines use them. Methods throw MillraceError. */
export interface ExtractorClients {
  describe(
    address: string,
    request: {
      readonly source: PipelineSourceSpec;
      readonly cursors: readonly { readonly sourcePartition: string; readonly offset: bigint }[];
      readonly waitMs: number;
    },
    signal: AbortSignal,
  ): Promise<readonly SourcePartitionState[]>;
  extract(address: string, order: ExtractOrder, signal: AbortSignal): Promise<ExtractReport>;
  preview(
    address: string,
    order: ExtractOrder,
    rowsMax: bigint,
    signal: AbortSignal,
  ): Promise<readonly (readonly ScalarValue[])[]>;
  failureOf(error: unknown): ExtractFailure | undefined;
}
