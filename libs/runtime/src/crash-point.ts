/** Told by the code when it passes a named point of a protocol; a test may end the process there. */
export type CrashPoint = (name: string) => void;

export const noCrashPoint: CrashPoint = () => {};

/**
 * A crash point from its setting `name` or `name:n`: the process kills itself with SIGKILL the nth time it passes the
 * point. Undefined or empty: nothing ever happens. For tests of recovery only.
 */
export function crashPointOf(setting: string | undefined): CrashPoint {
  if (setting === undefined || setting === '') return noCrashPoint;
  const [wanted, count] = setting.split(':');
  let left = Number(count ?? 1);
  return (name) => {
    if (name !== wanted) return;
    left -= 1;
    if (left <= 0) process.kill(process.pid, 'SIGKILL');
  };
}
