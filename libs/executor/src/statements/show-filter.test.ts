import { describe, expect, it } from 'vitest';
import { likeMatcher } from './show-filter.ts';

describe('LIKE of SHOW', () => {
  it.each([
    ['max_all%', 'max_allowed_packet', true],
    ['max\\_all%', 'maxxallowed', false],
    ['max_all%', 'maxxallowed', true],
    ['%', '', true],
    ['T', 't', true],
    ['a.c', 'abc', false],
    ['a[b]', 'a[b]', true],
    ['100\\%', '100%', true],
    ['100\\%', '1000', false],
    ['x_', 'x', false],
    ['back\\', 'back\\', true],
    ['a%b', 'a\nb', true],
  ])('%s on %j is %s', (pattern, text, expected) => {
    expect(likeMatcher(pattern)(text)).toBe(expected);
  });
});
