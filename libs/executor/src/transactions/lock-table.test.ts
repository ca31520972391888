import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LockMode, type LockRequest, LockTable } from './lock-table.ts';

const forever = { timeoutMs: 60_000, signal: new AbortController().signal };

function lock(mode: LockMode, ordinal = 0, tableId = 1n): LockRequest {
  return { tableId, ordinal, mode };
}

async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  return (
    (await Promise.race([promise, new Promise((resolve) => setImmediate(() => resolve(pending)))])) ===
    pending
  );
}

describe('LockTable', () => {
  it('shares shared locks and keeps exclusive ones apart', async () => {
    const locks = new LockTable();
    const releaseFirst = await locks.acquire([lock('shared')], forever);
    const releaseSecond = await locks.acquire([lock('shared')], forever);
    const exclusive = locks.acquire([lock('exclusive')], forever);
    releaseFirst();
    expect(await isPending(exclusive)).toBe(true);
    releaseSecond();
    (await exclusive)();
  });

  it('grants in the order of asking, so that an exclusive request is not starved', async () => {
    const locks = new LockTable();
    const release = await locks.acquire([lock('shared')], forever);
    const exclusive = locks.acquire([lock('exclusive')], forever);
    const late = locks.acquire([lock('shared')], forever);
    expect(await isPending(late)).toBe(true);
    release();
    const releaseExclusive = await exclusive;
    expect(await isPending(late)).toBe(true);
    releaseExclusive();
    (await late)();
  });

  it('gives up after the timeout and leaves nothing held', async () => {
    const locks = new LockTable();
    const release = await locks.acquire([lock('exclusive', 1)], forever);
    const wait = { timeoutMs: 5, signal: new AbortController().signal };
    await expect(locks.acquire([lock('exclusive', 0), lock('exclusive', 1)], wait)).rejects.toMatchObject({
      code: 'LOCK_TIMEOUT',
    });
    (await locks.acquire([lock('exclusive', 0)], forever))();
    release();
  });

  it('lets waiters behind a cancelled request go', async () => {
    const locks = new LockTable();
    const release = await locks.acquire([lock('shared')], forever);
    const abort = new AbortController();
    const exclusive = locks.acquire([lock('exclusive')], { timeoutMs: 60_000, signal: abort.signal });
    const shared = locks.acquire([lock('shared')], forever);
    abort.abort(new Error('killed'));
    await expect(exclusive).rejects.toThrow('killed');
    (await shared)();
    release();
  });

  it('never deadlocks and never lets writers overlap, whatever is asked', async () => {
    const request = fc.record({
      tableId: fc.constantFrom(1n, 2n),
      ordinal: fc.integer({ min: 0, max: 3 }),
      mode: fc.constantFrom<LockMode>('shared', 'exclusive'),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(request, { minLength: 1, maxLength: 4 }), { maxLength: 12 }),
        async (all) => {
          const locks = new LockTable();
          const holders = new Map<string, LockMode[]>();
          await Promise.all(
            all.map(async (requests) => {
              const release = await locks.acquire(requests, forever);
              const mine = new Map<string, LockMode>();
              for (const { tableId, ordinal, mode } of requests) {
                const key = `${tableId}/${ordinal}`;
                if (mine.get(key) !== 'exclusive') mine.set(key, mode);
              }
              for (const [key, mode] of mine) {
                const others = holders.get(key) ?? [];
                if (mode === 'exclusive') expect(others).toEqual([]);
                else expect(others).not.toContain('exclusive');
                holders.set(key, [...others, mode]);
              }
              await new Promise((resolve) => setImmediate(resolve));
              for (const [key, mode] of mine) {
                const left = holders.get(key) ?? [];
                left.splice(left.indexOf(mode), 1);
              }
              release();
            }),
          );
        },
      ),
      { numRuns: 50 },
    );
  });
});
