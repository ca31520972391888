import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  isUnresolved,
  nextTransition,
  type TransactionEffect,
  type TransactionEvent,
  type TransactionState,
  transactionTable,
} from './transaction-state.ts';

const states = Object.keys(transactionTable) as TransactionState[];
const events = Object.keys(transactionTable.new) as TransactionEvent[];

/** What a participant, its engine and its redo record look like after the effects so far. */
interface World {
  open: boolean;
  redo: boolean;
  applied: boolean;
  executing: boolean;
}

function perform(world: World, effect: TransactionEffect): void {
  switch (effect) {
    case 'write-redo-and-execute':
      world.redo = true;
      world.open = true;
      world.executing = true;
      break;
    case 'execute-and-commit':
      world.open = true;
      world.executing = true;
      break;
    case 'roll-back':
      world.open = false;
      break;
    case 'drop-redo':
      world.redo = false;
      break;
    case 'commit-open':
    case 'redo':
    case 'redo-later':
      world.executing = true;
      world.open = true;
      break;
    case 'interrupt':
    case 'answer':
    case 'refuse':
      break;
  }
}

/** Events that come from the engine, which only speaks while it executes or commits. */
const engineEvents: Partial<Record<TransactionState, readonly TransactionEvent[]>> = {
  preparing: ['executed', 'execution-failed'],
  canceling: ['executed', 'execution-failed'],
  executing: ['commit-succeeded', 'execution-failed'],
  committing: ['commit-succeeded', 'commit-failed'],
  redoing: ['commit-succeeded', 'commit-failed'],
};
const outsideEvents: readonly TransactionEvent[] = ['prepare', 'prepare-one-phase', 'commit', 'abort'];

describe('the transaction table', () => {
  test.each(states)('%s answers every event, and refusing changes nothing', (state) => {
    for (const event of events) {
      const transition = nextTransition(state, event);
      expect(states).toContain(transition.state);
      if (transition.effects.includes('refuse')) expect(transition).toEqual({ state, effects: ['refuse'] });
    }
  });

  test('the decisions, state by state', () => {
    const decisions = Object.fromEntries(
      states.map((state) => [
        state,
        (['commit', 'abort'] as const).map((event) => nextTransition(state, event).state),
      ]),
    );
    expect(decisions).toEqual({
      new: ['new', 'aborted'],
      preparing: ['preparing', 'canceling'],
      executing: ['executing', 'executing'],
      canceling: ['canceling', 'canceling'],
      prepared: ['committing', 'aborted'],
      committing: ['committing', 'committing'],
      'in-doubt': ['redoing', 'aborted'],
      redoing: ['redoing', 'redoing'],
      applied: ['applied', 'applied'],
      aborted: ['aborted', 'aborted'],
    });
  });

  test('any run keeps what a commit needs until it is applied and leaves nothing behind', () => {
    const start = fc.constantFrom<TransactionState>('new', 'in-doubt');
    const run = fc.array(fc.nat(), { maxLength: 30 });
    fc.assert(
      fc.property(start, run, (initial, choices) => {
        let state = initial;
        let committed = false;
        const world: World = { open: false, redo: initial === 'in-doubt', applied: false, executing: false };
        for (const choice of choices) {
          const possible = [...outsideEvents, ...(engineEvents[state] ?? [])];
          const event = possible[choice % possible.length] as TransactionEvent;
          const before = state;
          const transition = nextTransition(state, event);
          const refused = transition.effects.includes('refuse');
          state = transition.state;
          if (event === 'commit' && !refused) committed = true;
          if (event === 'commit-succeeded') {
            world.applied = true;
            world.open = false;
          }
          for (const effect of transition.effects) perform(world, effect);
          // A decided commit is never lost: it is applied, or its redo record is there to try again.
          if (committed) expect(world.applied || world.redo).toBe(true);
          if (state === 'aborted') expect(world).toMatchObject({ open: false, redo: false, applied: false });
          if (state === 'applied') expect(world).toMatchObject({ open: false, redo: false, applied: true });
          // What has ended stays ended.
          if (!isUnresolved(before) && before !== 'new') expect(state).toBe(before);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
