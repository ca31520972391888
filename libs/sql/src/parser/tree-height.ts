import { MillraceError } from '@millrace/errors/millrace-error';

/** How many nodes there may be from the root to a leaf: what walks a tree recursively must not run out of stack. */
export const treeHeightMax = 1000;

/**
 * Refuses trees that are too high. The nesting of the text is bounded anyway, but chains such as `1 + 1 + 1 + …` make a
 * high tree without nesting. Does not recurse itself.
 *
 * @throws SQL_TOO_COMPLEX beyond {@link treeHeightMax}
 */
export function checkTreeHeight(root: object): void {
  let level: object[] = [root];
  for (let height = 1; level.length > 0; height += 1) {
    if (height > treeHeightMax) {
      throw new MillraceError(
        'SQL_TOO_COMPLEX',
        `the statement chains or nests more than ${treeHeightMax} operators`,
      );
    }
    level = childrenOf(level);
  }
}

/** The nodes below these; lists and other parts without kind are looked through. */
function childrenOf(level: object[]): object[] {
  const children: object[] = [];
  // Grows while it is walked.
  for (const part of level) {
    for (const child of Object.values(part)) {
      if (typeof child !== 'object' || child === null) continue;
      if ('kind' in child) children.push(child);
      else level.push(child);
    }
  }
  return children;
}
