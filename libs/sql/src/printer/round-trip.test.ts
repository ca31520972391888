import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withoutPositions } from '../ast/node.ts';
import type { Statement } from '../ast/statement.ts';
import { parseStatement } from '../parse.ts';
import { arbitraryStatements } from '../testing/arbitrary-statement.ts';
import { printStatement } from './statement.ts';

/** Generated trees number no parameters; everything else must come back. */
function comparable(statement: Statement): unknown {
  return JSON.parse(
    JSON.stringify(withoutPositions(statement), (key, value) => {
      if (key === 'ordinal') return 0;
      return typeof value === 'bigint' ? `${value}n` : value;
    }),
  );
}

describe('printStatement', () => {
  for (const [kind, arbitrary] of Object.entries<fc.Arbitrary<Statement>>(arbitraryStatements)) {
    it(`prints ${kind} so that it parses back to the same tree`, () => {
      fc.assert(
        fc.property(arbitrary, (statement) => {
          const text = printStatement(statement);
          expect(comparable(parseStatement(text).statement), text).toEqual(comparable(statement));
        }),
        { numRuns: 200 },
      );
    });
  }
});
