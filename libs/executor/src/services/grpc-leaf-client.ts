import { isMillraceError, MillraceError } from '@millrace/errors/millrace-error';
import {
  LeafClient as LeafStub,
  Decision as ProtoDecision,
  type StageRequest,
} from '@millrace/proto/millrace/leaf/v1/leaf';
import { ChannelPool, callClientStream, callServerStream, callUnary } from '@millrace/rpc/client';
import type { NodeSecurity } from '@millrace/rpc/node-security';
import { batchFromProto, engineBatchFromProto } from '@millrace/rpc/values';
import type { ColumnBatch } from '@millrace/values/column-batch';
import type { SqlType } from '@millrace/values/sql-type';
import type {
  Decision,
  EngineRows,
  LeafClient,
  LeafEnds,
  LeafQuery,
  LeafSchema,
  PrepareOrder,
  PrepareVote,
  StagedSlice,
} from '../leaves/leaf-port.ts';
import { prepareToProto, queryToProto, schemaToProto } from './leaf-messages.ts';

const decisions = { commit: ProtoDecision.COMMIT, abort: ProtoDecision.ABORT } as const satisfies Record<
  Decision,
  ProtoDecision
>;

/** A leaf over gRPC. Calls end at once with LEAF_UNAVAILABLE when their signal of `ends` fires. */
class GrpcLeafClient implements LeafClient {
  readonly leafId: string;
  readonly address: string;
  readonly #channels: ChannelPool<LeafStub>;
  readonly #ends: LeafEnds;

  constructor(
    leaf: { readonly leafId: string; readonly address: string },
    channels: ChannelPool<LeafStub>,
    ends: LeafEnds,
  ) {
    this.leafId = leaf.leafId;
    this.address = leaf.address;
    this.#channels = channels;
    this.#ends = ends;
  }

  /** Asked for at each call: the pool closes clients that have not been used for a while. */
  get #stub(): LeafStub {
    return this.#channels.get(this.address);
  }

  applySchema(schema: LeafSchema, signal: AbortSignal): Promise<bigint> {
    return this.#guard(signal, async (both) => {
      const answer = await callUnary(this.#stub, this.#stub.applySchema, schemaToProto(schema), {
        signal: both,
      });
      return answer.schemaVersion;
    });
  }

  dropDatabase(databaseId: bigint, signal: AbortSignal): Promise<void> {
    return this.#guard(signal, async (both) => {
      await callUnary(this.#stub, this.#stub.dropDatabase, { databaseId }, { signal: both });
    });
  }

  heldPartitions(signal: AbortSignal): Promise<ReadonlyMap<bigint, ReadonlySet<number>>> {
    return this.#guard(signal, async (both) => {
      const { partitions } = await callUnary(this.#stub, this.#stub.getStatus, {}, { signal: both });
      const held = new Map<bigint, Set<number>>();
      for (const { partition } of partitions) {
        if (partition === undefined) continue;
        const { databaseId, ordinal } = partition;
        held.set(databaseId, (held.get(databaseId) ?? new Set()).add(ordinal));
      }
      return held;
    });
  }

  stage(slice: StagedSlice, chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    return this.#guard(signal, async (both) => {
      await callClientStream(this.#stub, this.#stub.stage, stageRequests(slice, chunks), { signal: both });
    });
  }

  prepare(order: PrepareOrder, signal: AbortSignal): Promise<PrepareVote> {
    return this.#guard(signal, (both) =>
      callUnary(this.#stub, this.#stub.prepare, prepareToProto(order), { signal: both }),
    );
  }

  decide(transactionId: bigint, decision: Decision, signal: AbortSignal): Promise<void> {
    return this.#guard(signal, async (both) => {
      const request = { transactionId, decision: decisions[decision] };
      await callUnary(this.#stub, this.#stub.decide, request, { signal: both });
    });
  }

  async *queryBatches(
    query: LeafQuery,
    types: readonly SqlType[],
    signal: AbortSignal,
  ): AsyncGenerator<ColumnBatch> {
    for await (const { part } of this.#responses(query, types, signal)) {
      if (part?.$case === 'batch') yield batchFromProto(part.batch);
    }
  }

  async *queryRows(query: LeafQuery, signal: AbortSignal): AsyncGenerator<EngineRows> {
    for await (const { part } of this.#responses(query, undefined, signal)) {
      if (part?.$case === 'parquet') yield { kind: 'parquet', bytes: part.parquet };
      if (part?.$case === 'engineBatch')
        yield { kind: 'batch', batch: engineBatchFromProto(part.engineBatch) };
    }
  }

  async *#responses(query: LeafQuery, types: readonly SqlType[] | undefined, signal: AbortSignal) {
    const both = AbortSignal.any([signal, this.#ends.readsEnd]);
    try {
      yield* callServerStream(this.#stub, this.#stub.query, queryToProto(query, types), { signal: both });
    } catch (error) {
      // Said by the leaf, the code would tell the client that this server is stopping.
      const stopping = isMillraceError(error, 'SHUTTING_DOWN');
      throw stopping
        ? leafUnavailable(this, 'is stopping', error)
        : this.#translate(error, signal, this.#ends.readsEnd);
    }
  }

  async #guard<T>(signal: AbortSignal, call: (both: AbortSignal) => Promise<T>): Promise<T> {
    try {
      return await call(AbortSignal.any([signal, this.#ends.gone]));
    } catch (error) {
      throw this.#translate(error, signal, this.#ends.gone);
    }
  }

  #translate(error: unknown, signal: AbortSignal, ended: AbortSignal): unknown {
    if (signal.aborted) return signal.reason;
    if (ended.aborted) {
      const { reason } = ended;
      if (isMillraceError(reason))
        return new MillraceError('LEAF_UNAVAILABLE', reason.message, { cause: error });
      return leafUnavailable(this, 'is gone', error);
    }
    return isMillraceError(error, 'PEER_UNAVAILABLE')
      ? leafUnavailable(this, 'cannot be reached', error)
      : error;
  }
}

function leafUnavailable(
  leaf: { readonly leafId: string; readonly address: string },
  what: string,
  cause: unknown,
): MillraceError {
  return new MillraceError('LEAF_UNAVAILABLE', `leaf ${leaf.leafId} (${leaf.address}) ${what}`, { cause });
}

async function* stageRequests(
  { databaseId, ordinal, ...slice }: StagedSlice,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<StageRequest> {
  const header = { ...slice, partition: { databaseId, ordinal }, pipelineId: 0n, epoch: 0n };
  yield { part: { $case: 'header', header } };
  for await (const chunk of chunks)
    yield { part: { $case: 'chunk', chunk: Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength) } };
}

/** Channels to leaves, one per address. */
export class LeafChannels {
  readonly #channels: ChannelPool<LeafStub>;

  constructor(security?: NodeSecurity) {
    this.#channels = new ChannelPool(LeafStub, security);
  }

  /**
   * A client for one registration. Whoever comes next at the address gets a connection of its own; reads that go on keep
   * theirs.
   */
  connect(leaf: { readonly leafId: string; readonly address: string }, ends: LeafEnds): LeafClient {
    ends.gone.addEventListener('abort', () => this.#channels.drop(leaf.address), { once: true });
    return new GrpcLeafClient(leaf, this.#channels, ends);
  }

  close(): void {
    this.#channels.close();
  }
}
