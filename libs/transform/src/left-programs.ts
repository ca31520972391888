import { readdirSync, readlinkSync, realpathSync } from 'node:fs';

/**
 * Ends the programs that a killed runner left behind: those whose working directory is still the one it gave them. The
 * system ends children with their parent only when they read or write its pipes, which a program that hangs does not.
 */
export function endProgramsIn(workDir: string): void {
  const path = realpathSync(workDir);
  for (const name of processIds()) {
    try {
      if (readlinkSync(`/proc/${name}/cwd`) === path) process.kill(Number(name), 'SIGKILL');
    } catch {
      // It has ended, or belongs to another user.
    }
  }
}

/** None where the system has no /proc. */
function processIds(): string[] {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}
