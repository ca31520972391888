import { describe, expect, it } from 'vitest';
import type { ClusterNodes, NodeAddress } from '../ports.ts';
import { distrustSeconds, TrustedNodes } from './trusted-nodes.ts';

const node = (nodeId: string): NodeAddress => ({
  nodeId,
  address: `${nodeId}:1`,
  capacity: 1,
  leaving: new AbortController().signal,
  gone: new AbortController().signal,
});
const [one, other, leaf] = [node('one'), node('other'), node('leaf')];
const cluster: ClusterNodes = {
  extractors: () => [one, other],
  runners: () => [one],
  leaves: () => [leaf],
};

describe('nodes that a pipeline trusts', () => {
  it('are all, but those that failed a while ago, as long as there are others', () => {
    let seconds = 0;
    const nodes = new TrustedNodes(cluster, {
      nowSeconds: () => Number.NaN,
      monotonicSeconds: () => seconds,
    });
    expect(nodes.extractors()).toEqual([one, other]);
    nodes.distrust(one);
    expect(nodes.extractors()).toEqual([other]);
    expect(nodes.runners()).toEqual([one]);
    seconds = distrustSeconds - 1;
    nodes.distrust(other);
    expect(nodes.extractors()).toEqual([one, other]);
    seconds = distrustSeconds;
    expect(nodes.extractors()).toEqual([one]);
  });

  it('hold all leaves', () => {
    const nodes = new TrustedNodes(cluster, { nowSeconds: () => 0, monotonicSeconds: () => 0 });
    nodes.distrust(leaf);
    expect(nodes.leaves()).toEqual([leaf]);
  });
});
