import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // A process of another user answers EPERM.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/**
 * Makes a directory of this process's own inside `parent` and removes those of processes on this host that were killed:
 * on a memory file system they would hold memory until the next boot. Service, host name and process id are in the name.
 * `beforeRemoval` is called with each directory that is about to go.
 */
export function createWorkDirectory(
  parent: string,
  service: string,
  beforeRemoval: (path: string) => void = () => {},
): string {
  mkdirSync(parent, { recursive: true });
  const host = `millrace-${service}-${hostname()}-`;
  for (const name of readdirSync(parent)) {
    const pid = name.startsWith(host) ? /^(\d+)-[^-]+$/.exec(name.slice(host.length))?.[1] : undefined;
    if (pid === undefined || isAlive(Number(pid))) continue;
    const path = join(parent, name);
    beforeRemoval(path);
    rmSync(path, { recursive: true, force: true });
  }
  return mkdtempSync(join(parent, `${host}${process.pid}-`));
}
