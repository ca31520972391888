import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  nextState,
  outcomeOf,
  type TransactionEffect,
  type TransactionEvent,
  type TransactionState,
  transitions,
} from './transaction-state.ts';

const states = Object.keys(transitions) as TransactionState[];
const events = Object.keys(transitions.open) as TransactionEvent[];

describe('transaction states', () => {
  it('has one entry for every state and event', () => {
    for (const state of states) expect(Object.keys(transitions[state]).sort()).toEqual([...events].sort());
  });

  it('never sends a commit before the decision was written, nor an abort after it', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...events), { maxLength: 12 }), (run) => {
        let state: TransactionState = 'open';
        let decided = false;
        const sent: TransactionEffect[] = [];
        for (const event of run) {
          let transition: ReturnType<typeof nextState>;
          try {
            transition = nextState(state, event);
          } catch {
            continue;
          }
          if (event === 'decided') decided = true;
          if (transition.effect === 'send-commit') expect(decided).toBe(true);
          if (transition.effect === 'send-abort') expect(decided).toBe(false);
          if (transition.effect !== undefined) sent.push(transition.effect);
          state = transition.next;
        }
        expect(sent.includes('send-commit') && sent.includes('send-abort')).toBe(false);
      }),
    );
  });

  it('keeps an outcome once it was told', () => {
    for (const state of states) {
      for (const event of events) {
        let next: TransactionState;
        try {
          next = nextState(state, event).next;
        } catch {
          continue;
        }
        if (outcomeOf(state) !== 'pending') expect(outcomeOf(next)).toBe(outcomeOf(state));
      }
    }
  });

  it('reports an event that cannot happen', () => {
    expect(() => nextState('committed', 'refused')).toThrow('transaction event refused in state committed');
  });
});
