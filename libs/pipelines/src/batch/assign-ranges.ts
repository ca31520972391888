import { createHash } from 'node:crypto';

interface WeightedNode {
  readonly nodeId: string;
  readonly capacity: number;
}

/**
 * The node for a key by weighted rendezvous hashing: each node gets a score for the key and the highest wins. A node wins
 * in proportion to its capacity, and one that comes or goes moves only its own keys. Undefined without nodes.
 */
export function rendezvous<Node extends WeightedNode>(key: string, nodes: readonly Node[]): Node | undefined {
  let best: Node | undefined;
  let bestScore = Number.NEGATIVE_INFINITY;
  for (const node of nodes) {
    const score = node.capacity / -Math.log(uniform(`${node.nodeId}\n${key}`));
    if (score > bestScore) {
      best = node;
      bestScore = score;
    }
  }
  return best;
}

const uniformSteps = 2 ** 48;

/** A number strictly between 0 and 1 that depends on nothing but the text. */
function uniform(text: string): number {
  return (createHash('sha1').update(text).digest().readUIntBE(0, 6) + 0.5) / uniformSteps;
}

/** Spreads the ranges of a batch over extractors, each range to one. */
export function assignRanges<Range extends { readonly sourcePartition: string }, Node extends WeightedNode>(
  pipelineId: bigint,
  ranges: readonly Range[],
  extractors: readonly Node[],
): Map<Node, Range[]> {
  const assigned = new Map<Node, Range[]>();
  for (const range of ranges) {
    const node = rendezvous(`${pipelineId}/${range.sourcePartition}`, extractors);
    if (node === undefined) continue;
    const list = assigned.get(node);
    if (list === undefined) assigned.set(node, [range]);
    else list.push(range);
  }
  return assigned;
}
