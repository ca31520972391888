import { MillraceError } from '@millrace/errors/millrace-error';
import type { NodeStatus } from '../cluster/node.ts';
import { hostAndPort } from '../information-schema/information-view.ts';
import { done, type StatementContext, type StatementHandler } from './statement-handler.ts';

/** Longest wait of ADD LEAF for a leaf that it took back, or that is restarting, in ms. */
const onlineWaitMs = 10_000;

interface LeafPlace {
  readonly host: string;
  readonly port: bigint;
}

/**
 * Leaves register by themselves, so ADD LEAF only takes back what REMOVE LEAF took out, and answers when the leaf at this
 * address is online. User and password are those of MemSQL's protocol between nodes and are not looked at.
 */
export const runAddLeaf: StatementHandler<'addLeaf'> = async (statement, context) => {
  const { registry, catalog } = context.services;
  const removed = catalog.schema.leaves().find((leaf) => leaf.removed && isAt(leaf, statement));
  const known = leavesAt(registry.nodes(), statement).length > 0;
  if (removed === undefined && !known) {
    throw new MillraceError(
      'LEAF_UNKNOWN',
      `no leaf at ${placeName(statement)} has registered; start it with --aggregator and --advertise, it joins by itself`,
    );
  }
  if (removed !== undefined) catalog.schema.setLeafRemoved(removed.leafId, false);
  await untilOnline(statement, context);
  return done;
};

async function untilOnline(place: LeafPlace, { services, signal }: StatementContext): Promise<void> {
  const late = AbortSignal.timeout(onlineWaitMs);
  const both = AbortSignal.any([late, signal]);
  for (;;) {
    const leaves = leavesAt(services.registry.nodes(), place);
    if (leaves.some(({ state }) => state === 'online')) return;
    signal.throwIfAborted();
    if (late.aborted) {
      const refusal = leaves.find((leaf) => leaf.refusal !== '')?.refusal;
      throw new MillraceError(
        'LEAF_UNAVAILABLE',
        refusal === undefined
          ? `the leaf at ${placeName(place)} belongs to the cluster but is offline; it is used as soon as it registers`
          : `the leaf at ${placeName(place)} was refused: ${refusal}`,
      );
    }
    await services.registry.changed(both);
  }
}

/**
 * Takes a leaf out of the cluster: it may not register until ADD LEAF. Of several that were last seen at the address the
 * one that is away goes. Partitions stay where they are; with FORCE those of the leaf become unavailable.
 */
export const runRemoveLeaf: StatementHandler<'removeLeaf'> = async (statement, context) => {
  const { registry, catalog } = context.services;
  const leaves = leavesAt(registry.nodes(), statement).filter(({ state }) => state !== 'detached');
  const leaf = leaves.find(({ state }) => state === 'offline') ?? leaves[0];
  if (leaf === undefined) throw new MillraceError('LEAF_UNKNOWN', `no leaf at ${placeName(statement)}`);
  const databases = catalog.schema.databasesOn(leaf.nodeId);
  if (databases.length > 0 && !statement.force) {
    throw new MillraceError(
      'LEAF_IN_USE',
      `leaf ${leaf.nodeId} (${leaf.address}) holds partitions of ${databases.join(', ')}`,
    );
  }
  catalog.schema.setLeafRemoved(leaf.nodeId, true);
  registry.evict(leaf.nodeId);
  return done;
};

function leavesAt(nodes: readonly NodeStatus[], place: LeafPlace): NodeStatus[] {
  return nodes.filter((node) => node.role === 'leaf' && node.nodeId !== '' && isAt(node, place));
}

function isAt({ address }: { readonly address: string }, { host, port }: LeafPlace): boolean {
  const [leafHost, leafPort] = hostAndPort(address);
  return leafHost === host && leafPort === port;
}

function placeName({ host, port }: LeafPlace): string {
  return `'${host}':${port}`;
}
