import { ExtractErrorDetail, ExtractorClient } from '@millrace/proto/millrace/extractor/v1/extractor';
import { ChannelPool, callServerStream, callUnary } from '@millrace/rpc/client';
import { trailerOf } from '@millrace/rpc/error-details';
import type { NodeSecurity } from '@millrace/rpc/node-security';
import { batchFromProto } from '@millrace/rpc/values';
import { rowsOf, type ScalarValue } from '@millrace/values/column-batch';
import { extractToProto, partitionFromProto, sourceToProto } from '../conversions/extract-messages.ts';
import type {
  ExtractFailure,
  ExtractOrder,
  ExtractorClients,
  ExtractReport,
  RangeReport,
  RowWarningReport,
  SourcePartitionState,
  StagedSliceReport,
} from '../ports.ts';

const extractErrorKey = 'millrace-extract-error-bin';
/** On top of the wait that the caller asks for: metadata and offsets of a slow source, in ms. */
const describeDeadlineMs = 40_000;
/** Warnings kept of one batch (pipelines_max_errors_per_partition). */
const warningsMax = 1_000;

/** {@link ExtractorClients} over gRPC. */
export class GrpcExtractorClients implements ExtractorClients {
  readonly #channels: ChannelPool<ExtractorClient>;

  constructor(security?: NodeSecurity) {
    this.#channels = new ChannelPool(ExtractorClient, security);
  }

  async describe(
    address: string,
    request: Parameters<ExtractorClients['describe']>[1],
    signal: AbortSignal,
  ): Promise<readonly SourcePartitionState[]> {
    const client = this.#channels.get(address);
    const { partitions } = await callUnary(
      client,
      client.describeSource,
      { source: sourceToProto(request.source), cursors: [...request.cursors], waitMs: request.waitMs },
      { signal, deadlineMs: request.waitMs + describeDeadlineMs },
    );
    return partitions.map(partitionFromProto);
  }

  async extract(address: string, order: ExtractOrder, signal: AbortSignal): Promise<ExtractReport> {
    const client = this.#channels.get(address);
    const slices: StagedSliceReport[] = [];
    const warnings: RowWarningReport[] = [];
    let ranges: readonly RangeReport[] = [];
    for await (const { event } of callServerStream(client, client.extract, extractToProto(order), {
      signal,
    })) {
      switch (event?.$case) {
        case 'slice':
          slices.push(event.slice);
          break;
        case 'warning':
          if (warnings.length < warningsMax) warnings.push(event.warning);
          break;
        case 'done':
          ranges = event.done.ranges;
          break;
        case 'progress':
        case undefined:
          break;
      }
    }
    return { slices, ranges, warnings };
  }

  async preview(
    address: string,
    order: ExtractOrder,
    rowsMax: bigint,
    signal: AbortSignal,
  ): Promise<readonly (readonly ScalarValue[])[]> {
    const client = this.#channels.get(address);
    const rows: ScalarValue[][] = [];
    const request = { extract: extractToProto(order), rowsMax };
    for await (const { batch } of callServerStream(client, client.preview, request, { signal })) {
      if (batch !== undefined) rows.push(...rowsOf(batchFromProto(batch)));
    }
    return rows;
  }

  failureOf(error: unknown): ExtractFailure | undefined {
    const detail = detailOf(error);
    if (detail === undefined) return undefined;
    const place = detail.sourcePartition !== '';
    return {
      kind: kinds.find((kind) => kind === detail.kind) ?? 'Internal',
      sourcePartition: place ? detail.sourcePartition : null,
      offset: place ? detail.offset : null,
      line: detail.line === '' ? null : detail.line,
      lineNumber: detail.lineNumber === 0n ? null : detail.lineNumber,
      stdError: detail.stdError === '' ? null : detail.stdError,
    };
  }

  close(): void {
    this.#channels.close();
  }
}

/** Undefined when the extractor sent none, or something else under that name. */
function detailOf(error: unknown): ExtractErrorDetail | undefined {
  const trailer = trailerOf(error, extractErrorKey);
  if (trailer === undefined) return undefined;
  try {
    return ExtractErrorDetail.decode(trailer);
  } catch {
    return undefined;
  }
}

const kinds: readonly ExtractFailure['kind'][] = ['Extract', 'Transform', 'Load', 'Internal'];
