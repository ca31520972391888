import { describe, expect, it } from 'vitest';
import { errorCodes } from './codes.ts';
import { isMillraceError, MillraceError } from './millrace-error.ts';

describe('the registry of error codes', () => {
  it.each(Object.entries(errorCodes))('%s fits the protocol and says what to do', (_code, entry) => {
    expect(entry.sqlState).toMatch(/^[0-9A-Z]{5}$/);
    // Some clients read the number as a signed 16-bit integer.
    expect(entry.mysqlNumber).toBeGreaterThan(999);
    expect(entry.mysqlNumber).toBeLessThan(32_768);
    expect(entry.cause).not.toBe('');
    expect(entry.remedy).not.toBe('');
  });

  it('gives each condition its own number', () => {
    const numbers = Object.values(errorCodes).map((entry) => entry.mysqlNumber);
    expect(numbers.filter((number, index) => numbers.indexOf(number) !== index)).toEqual([]);
  });
});

describe('MillraceError', () => {
  it('takes kind, number, state and remedy from its code', () => {
    const error = new MillraceError('DUPLICATE_KEY', 'duplicate entry 1', {
      detail: 'table t',
      cause: new Error('x'),
    });
    expect(error).toMatchObject({
      kind: 'user',
      retryable: false,
      mysqlNumber: 1062,
      sqlState: '23000',
      detail: 'table t',
    });
    expect([
      isMillraceError(error),
      isMillraceError(error, 'NOT_NULL'),
      isMillraceError(new Error('x')),
    ]).toEqual([true, false, false]);
  });
});
