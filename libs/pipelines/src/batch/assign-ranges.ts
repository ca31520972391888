import { createHash } from 'node:crypto';
import type { NodeAddress } from '../ports.ts';

/**
 * The node for a key by rendezvous hashing: each node gets a score for the key and the highest wins, so that a node that
 * comes or goes moves only its own keys. Undefined without nodes.
 */
export function rendezvous(key: string, nodes: readonly NodeAddress[]): NodeAddress | undefined {
  let best: NodeAddress | undefined;
  let bestScore = '';
  for (const node of nodes) {
    const score = createHash('sha1').update(`${node.nodeId}\n${key}`).digest('hex');
    if (best === undefined || score > bestScore) {
      best = node;
      bestScore = score;
    }
  }
  return best;
}

/** Spreads the ranges of a batch over extractors, each range to one. */
export function assignRanges<Range extends { readonly sourcePartition: string }>(
  pipelineId: bigint,
  ranges: readonly Range[],
  extractors: readonly NodeAddress[],
): Map<NodeAddress, Range[]> {
  const assigned = new Map<NodeAddress, Range[]>();
  for (const range of ranges) {
    const node = rendezvous(`${pipelineId}/${range.sourcePartition}`, extractors);
    if (node === undefined) continue;
    const list = assigned.get(node);
    if (list === undefined) assigned.set(node, [range]);
    else list.push(range);
  }
  return assigned;
}
