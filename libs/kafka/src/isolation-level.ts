/** `read_committed` sees no record of an open or aborted transaction. */
export type IsolationLevel = 'read_committed' | 'read_uncommitted';

/** The wire's numbers for the isolation levels. */
export const isolationNumber = { read_uncommitted: 0, read_committed: 1 } satisfies Record<
  IsolationLevel,
  number
>;
