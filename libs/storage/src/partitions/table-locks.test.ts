import { isMillraceError } from '@millrace/errors/millrace-error';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type LockMode, TableLocks } from './table-locks.ts';

const patient = { timeoutMs: 60_000 };

/** Whether a promise has settled after all microtasks that are due. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const note = () => {
    settled = true;
  };
  promise.then(note, note);
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

describe('table locks', () => {
  test('are granted first come, first served, shared ones together', async () => {
    const locks = new TableLocks();
    const first = await locks.acquire(1n, 'shared', patient);
    const second = await locks.acquire(1n, 'shared', patient);
    const writer = locks.acquire(1n, 'exclusive', patient);
    const late = locks.acquire(1n, 'shared', patient);
    first();
    first();
    expect(await isSettled(writer)).toBe(false);
    second();
    const release = await writer;
    expect(await isSettled(late)).toBe(false);
    release();
    (await late)();
  });

  test('a wait that gives up lets those behind it in, and holds nothing', async () => {
    const locks = new TableLocks();
    const holder = await locks.acquire(1n, 'shared', patient);
    const both = new Map<bigint, LockMode>([
      [0n, 'exclusive'],
      [1n, 'exclusive'],
    ]);
    const impatient = locks.acquireAll(both, { timeoutMs: 5 }).catch((error: unknown) => error);
    const behind = locks.acquire(1n, 'shared', patient);
    const error = await impatient;
    expect(isMillraceError(error, 'LOCK_TIMEOUT')).toBe(true);
    (await behind)();
    (await locks.acquire(0n, 'exclusive', patient))();
    holder();
  });

  test('an aborted signal ends the wait', async () => {
    const locks = new TableLocks();
    const holder = await locks.acquire(1n, 'exclusive', patient);
    const controller = new AbortController();
    const waiting = locks
      .acquire(1n, 'exclusive', { ...patient, signal: controller.signal })
      .catch((error: unknown) => error);
    controller.abort();
    expect(isMillraceError(await waiting, 'QUERY_KILLED')).toBe(true);
    holder();
    (await locks.acquire(1n, 'exclusive', patient))();
  });

  test('never grants an exclusive lock together with another, and serves everyone', async () => {
    const request = fc.record({
      tables: fc.uniqueArray(fc.integer({ min: 0, max: 2 }), { minLength: 1 }),
      mode: fc.constantFrom<LockMode>('shared', 'exclusive'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(request, { maxLength: 12 }), fc.scheduler(), async (requests, scheduler) => {
        const locks = new TableLocks();
        const held = new Map<number, LockMode[]>();
        const work = requests.map(async ({ tables, mode }, index) => {
          await scheduler.schedule(Promise.resolve(), `request ${index}`);
          const release = await locks.acquireAll(
            new Map(tables.map((table) => [BigInt(table), mode])),
            patient,
          );
          for (const table of tables) held.set(table, [...(held.get(table) ?? []), mode]);
          for (const modes of held.values()) {
            expect(modes.length <= 1 || !modes.includes('exclusive')).toBe(true);
          }
          await scheduler.schedule(Promise.resolve(), `release ${index}`);
          for (const table of tables) {
            const modes = held.get(table) ?? [];
            modes.splice(modes.indexOf(mode), 1);
          }
          release();
        });
        await scheduler.waitFor(Promise.all(work));
      }),
      { numRuns: 100 },
    );
  });
});
