import type { LeafClient, StageRequest } from '@millrace/proto/millrace/leaf/v1/leaf';
import { type ChannelPool, callClientStream } from '@millrace/rpc/client';
import type { StageSlice } from '../delivery/slice-target.ts';

/** Stages slices through `Leaf.Stage`. */
export function leafStager(leaves: ChannelPool<LeafClient>): StageSlice {
  return ({ destination, ordinal, leafAddress, slice }, chunks, signal) => {
    const client = leaves.get(leafAddress);
    async function* requests(): AsyncGenerator<StageRequest> {
      const { transactionId, databaseId, tableId, pipelineId, epoch } = destination;
      const header = { transactionId, partition: { databaseId, ordinal }, tableId, slice, pipelineId, epoch };
      yield { part: { $case: 'header', header } };
      for await (const chunk of chunks) yield { part: { $case: 'chunk', chunk } };
    }
    return callClientStream(client, client.stage, requests(), { signal });
  };
}
