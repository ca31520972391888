import { setTimeout as sleep } from 'node:timers/promises';
import { MillraceError } from '@millrace/errors/millrace-error';
import { describe, expect, it } from 'vitest';
import { repeatAfterLeafLoss } from './repeat-after-leaf-loss.ts';
import type { StatementServices } from './statement-handler.ts';

const { signal } = new AbortController();

/** A leaf that has died: the registry notices after some time, and later it is back. */
function dyingLeaf({ noticedMs, backMs }: { noticedMs: number; backMs: number }) {
  let back = false;
  let returned = Promise.resolve();
  setTimeout(() => {
    returned = sleep(backMs).then(() => {
      back = true;
    });
  }, noticedMs);
  const registry: Partial<StatementServices['registry']> = { leavesReturned: () => returned };
  const services = { registry } as StatementServices;
  return { context: { services, signal }, isBack: () => back };
}

describe('a read that meets a leaf on its way down', () => {
  it('is run again when the leaf is back, also when it learns of the loss before the registry', async () => {
    const { context, isBack } = dyingLeaf({ noticedMs: 20, backMs: 200 });
    const answer = repeatAfterLeafLoss(context, async () => {
      if (isBack()) return 'rows';
      throw new MillraceError('LEAF_UNAVAILABLE', 'leaf 1 cannot be reached', { cause: new Error('reset') });
    });
    expect(await answer).toBe('rows');
  });

  it('fails at once when the leaf has been away', async () => {
    const { context } = dyingLeaf({ noticedMs: 10_000, backMs: 0 });
    const startMs = performance.now();
    const answer = repeatAfterLeafLoss(context, async () => {
      throw new MillraceError('LEAF_UNAVAILABLE', 'leaf 1 is offline');
    });
    await expect(answer).rejects.toThrow('is offline');
    expect(performance.now() - startMs).toBeLessThan(90);
  });
});
