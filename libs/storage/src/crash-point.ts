/**
 * Places where a test ends the process to prove recovery, in the order in which a transaction passes them. The hook is
 * called with the name and, to simulate a crash, does not return.
 */
export const crashPoints = [
  'before-stage',
  'after-stage',
  'before-redo',
  'after-redo-fsync',
  'after-execute',
  'before-apply',
  'after-apply-commit',
  'after-drop-redo',
  'before-flush-commit',
  'after-flush-commit',
  'before-merge-commit',
  'after-merge-commit',
] as const;

export type CrashPoint = (typeof crashPoints)[number];

export type CrashHook = (point: CrashPoint) => void;
