import { CatalogStore } from '@millrace/catalog/catalog-store';
import { MillraceError } from '@millrace/errors/millrace-error';
import { silentLogger } from '@millrace/runtime/logger';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Decision, LeafClient, Leaves, PrepareOrder, PrepareVote } from '../leaves/leaf-port.ts';
import {
  TransactionCoordinator,
  type TransactionCrashPoint,
  type TransactionRequest,
} from './transaction-coordinator.ts';

/** A leaf that notes what it is told. */
class StubLeaf {
  readonly leafId: string;
  readonly log: string[] = [];
  online = true;
  prepare: (order: PrepareOrder, signal: AbortSignal) => Promise<PrepareVote> = async () => ({
    affectedRows: 2n,
    skippedRows: 0n,
  });
  decideFailures = 0;

  constructor(leafId: string) {
    this.leafId = leafId;
  }

  client(): LeafClient {
    const unused = () => {
      throw new Error('not used');
    };
    return {
      leafId: this.leafId,
      address: '127.0.0.1:1',
      applySchema: unused,
      dropDatabase: unused,
      heldPartitions: unused,
      stage: unused,
      queryBatches: unused,
      queryRows: unused,
      prepare: async (order, signal) => {
        const vote = await this.prepare(order, signal);
        this.log.push(order.onePhase ? 'one-phase' : 'prepared');
        return vote;
      },
      decide: async (_transactionId: bigint, decision: Decision) => {
        if (this.decideFailures > 0) {
          this.decideFailures -= 1;
          throw unavailable(this.leafId);
        }
        this.log.push(decision);
      },
    };
  }
}

function unavailable(leafId: string): MillraceError {
  return new MillraceError('LEAF_UNAVAILABLE', `leaf ${leafId} is offline`);
}

describe('TransactionCoordinator', () => {
  let catalog: CatalogStore;
  let leaves: Map<string, StubLeaf>;
  let crashes: TransactionCrashPoint[];
  let crashAt: TransactionCrashPoint | undefined;
  let coordinator: TransactionCoordinator;
  const hung: (() => void)[] = [];

  const port: Leaves = {
    online: (leafId) => found(leafId),
    connected: (leafId) => found(leafId),
  };

  function found(leafId: string): LeafClient {
    const leaf = leaves.get(leafId);
    if (leaf?.online !== true) throw unavailable(leafId);
    return leaf.client();
  }

  function leaf(leafId: string): StubLeaf {
    const stub = leaves.get(leafId);
    if (stub === undefined) throw new Error(`no leaf ${leafId}`);
    return stub;
  }

  function start(epoch = 1n): TransactionCoordinator {
    return new TransactionCoordinator({
      catalog,
      leaves: port,
      logger: silentLogger,
      epoch,
      applyWaitMs: 50,
      crashPoint: (name) => {
        crashes.push(name);
        // A coordinator that does not go on is one whose process ended here.
        return name === crashAt ? new Promise<void>((resolve) => hung.push(resolve)) : undefined;
      },
    });
  }

  function request(leafIds: readonly string[], extra: Partial<TransactionRequest> = {}): TransactionRequest {
    return {
      schemaVersion: 1n,
      locks: leafIds.map((_, ordinal) => ({ tableId: 1n, ordinal, mode: 'exclusive' })),
      participants: leafIds.map((leafId, ordinal) => ({ leafId, databaseId: 1n, ordinal, operations: [] })),
      lockWaitMs: 1_000,
      signal: new AbortController().signal,
      ...extra,
    };
  }

  beforeEach(() => {
    catalog = new CatalogStore(':memory:');
    leaves = new Map(['a', 'b'].map((id) => [id, new StubLeaf(id)]));
    crashes = [];
    crashAt = undefined;
    coordinator = start();
  });

  afterEach(async () => {
    for (const goOn of hung.splice(0)) goOn();
    await coordinator.stop();
    catalog.close();
  });

  it('commits on one partition in one phase and writes nothing', async () => {
    const { votes, transactionId } = await coordinator.run(request(['a']));
    expect(votes).toEqual([{ affectedRows: 2n, skippedRows: 0n }]);
    expect(leaf('a').log).toEqual(['one-phase']);
    expect(catalog.decisions.undelivered()).toEqual([]);
    expect(transactionId >> 32n).toBe(1n);
  });

  it('prepares everywhere, decides, applies everywhere', async () => {
    const { transactionId } = await coordinator.run(request(['a', 'b', 'b']));
    expect(leaf('a').log).toEqual(['prepared', 'commit']);
    expect(leaf('b').log).toEqual(['prepared', 'prepared', 'commit']);
    expect(crashes).toEqual(['before-prepare', 'after-prepare', 'after-decision', 'after-first-apply']);
    expect(coordinator.resolve(transactionId)).toBe('committed');
    await coordinator.stop();
    expect(catalog.decisions.undelivered()).toEqual([]);
  });

  it('aborts everywhere when one participant refuses, and reports its error', async () => {
    leaf('b').prepare = async () => {
      throw new MillraceError('DUPLICATE_KEY', 'duplicate key 1');
    };
    await expect(coordinator.run(request(['a', 'b']))).rejects.toMatchObject({ code: 'DUPLICATE_KEY' });
    expect(leaf('a').log).toEqual(['prepared', 'abort']);
    expect(leaf('b').log).toEqual(['abort']);
    expect(catalog.decisions.undelivered()).toEqual([]);
  });

  it('cancels the other participants as soon as one refuses', async () => {
    leaf('a').prepare = (_order, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    leaf('b').prepare = async () => {
      throw new MillraceError('NOT_NULL', 'no');
    };
    await expect(coordinator.run(request(['a', 'b']))).rejects.toMatchObject({ code: 'NOT_NULL' });
    expect(leaf('a').log).toEqual(['abort']);
  });

  it('names an offline leaf before anything is prepared', async () => {
    leaf('b').online = false;
    await expect(coordinator.run(request(['a', 'b']))).rejects.toMatchObject({ code: 'LEAF_UNAVAILABLE' });
    expect(leaf('a').log).toEqual(['abort']);
  });

  it('tells a member of an abort until it can be reached, and lets nobody wait for that', async () => {
    leaf('a').decideFailures = 2;
    leaf('b').prepare = async () => {
      throw new MillraceError('NOT_NULL', 'no');
    };
    await expect(coordinator.run(request(['a', 'b']))).rejects.toMatchObject({ code: 'NOT_NULL' });
    expect(leaf('a').log).toEqual(['prepared']);
    await expect.poll(() => leaf('a').log).toEqual(['prepared', 'abort']);
  });

  it('tells nothing to a leaf that has left after it prepared', async () => {
    leaf('b').prepare = async () => {
      leaf('a').online = false;
      throw new MillraceError('NOT_NULL', 'no');
    };
    await expect(coordinator.run(request(['a', 'b']))).rejects.toMatchObject({ code: 'NOT_NULL' });
    leaf('a').online = true;
    await coordinator.stop();
    expect(leaf('a').log).toEqual(['prepared']);
  });

  it('writes the caller’s changes with the decision or not at all', async () => {
    await coordinator.run(request(['a'], { alongDecision: () => catalog.schema.saveSetting('cursor', '7') }));
    expect(leaf('a').log).toEqual(['prepared', 'commit']);
    expect(catalog.schema.setting('cursor')).toBe('7');
    const failing = request(['a'], {
      alongDecision: () => {
        catalog.schema.saveSetting('cursor', '8');
        throw new MillraceError('EPOCH_STALE', 'older epoch');
      },
    });
    await expect(coordinator.run(failing)).rejects.toMatchObject({ code: 'EPOCH_STALE' });
    expect(catalog.schema.setting('cursor')).toBe('7');
    expect(leaf('a').log.slice(2)).toEqual(['prepared', 'abort']);
  });

  it('decides without participants when there is only something to write along', async () => {
    await coordinator.run(request([], { alongDecision: () => catalog.schema.saveSetting('cursor', '9') }));
    expect(catalog.schema.setting('cursor')).toBe('9');
    expect(catalog.decisions.undelivered()).toEqual([]);
  });

  it('is committed although a participant does not answer, and delivers until it does', async () => {
    leaf('b').decideFailures = 3;
    const { transactionId } = await coordinator.run(request(['a', 'b']));
    expect(coordinator.resolve(transactionId)).toBe('committed');
    await expect.poll(() => leaf('b').log).toEqual(['prepared', 'commit']);
  });

  it('answers pending while it prepares and aborted for what it does not know', async () => {
    let asked: string | undefined;
    leaf('a').prepare = async ({ transactionId }) => {
      asked = coordinator.resolve(transactionId);
      return { affectedRows: 0n, skippedRows: 0n };
    };
    await coordinator.run(request(['a', 'b']));
    expect(asked).toBe('pending');
    expect(coordinator.resolve(12345n)).toBe('aborted');
  });

  it('says that the outcome of a one-phase commit is unknown when the leaf is lost on the way', async () => {
    leaf('a').prepare = async () => {
      throw unavailable('a');
    };
    await expect(coordinator.run(request(['a']))).rejects.toMatchObject({
      code: 'LEAF_UNAVAILABLE',
      detail: expect.stringContaining('completely or not at all'),
    });
    expect(leaf('a').log).toEqual([]);
  });

  it('drops what was staged when the transaction is abandoned', async () => {
    const transactionId = coordinator.begin();
    expect(coordinator.resolve(transactionId)).toBe('pending');
    await coordinator.abandon(transactionId, ['a']);
    expect(leaf('a').log).toEqual(['abort']);
    expect(coordinator.resolve(transactionId)).toBe('aborted');
  });

  it.each(['before-prepare', 'after-prepare'] as const)(
    'forgets a transaction that crashed %s',
    async (point) => {
      crashAt = point;
      coordinator.run(request(['a', 'b'])).catch(() => {});
      await expect.poll(() => crashes.at(-1)).toBe(point);
      const restarted = start(2n);
      restarted.recover();
      expect(restarted.resolve((1n << 32n) + 1n)).toBe('aborted');
      await restarted.stop();
    },
  );

  it.each(['after-decision', 'after-first-apply'] as const)(
    'finishes a transaction that crashed %s',
    async (point) => {
      crashAt = point;
      coordinator.run(request(['a', 'b'])).catch(() => {});
      await expect.poll(() => crashes.at(-1)).toBe(point);
      crashAt = undefined;
      const restarted = start(2n);
      expect(restarted.resolve((1n << 32n) + 1n)).toBe('committed');
      restarted.recover();
      await expect.poll(() => [leaf('a').log.at(-1), leaf('b').log.at(-1)]).toEqual(['commit', 'commit']);
      expect((await restarted.run(request(['a']))).transactionId >> 32n).toBe(2n);
      await restarted.stop();
      expect(catalog.decisions.undelivered()).toEqual([]);
    },
  );
});
