import { readdir, readFile } from 'node:fs/promises';

const pageBytes = 4096;
/** Processes of one program that are looked at. */
const processesMax = 256;

/**
 * Memory of a process and its descendants, in bytes, if it may be more than `limitBytes`; 0 otherwise, and on systems
 * without /proc. Pages that they share count once: that is slow to find out, so it is asked only when there is reason to.
 */
export async function memoryBeyond(pid: number, limitBytes: number): Promise<number> {
  const pids = await withDescendants(pid);
  if (sum(await Promise.all(pids.map(residentBytes))) <= limitBytes) return 0;
  return sum(await Promise.all(pids.map(proportionalBytes)));
}

async function withDescendants(root: number): Promise<number[]> {
  const found = [root];
  // The list grows while it is walked.
  for (const pid of found) {
    if (found.length >= processesMax) break;
    found.push(...(await childrenOf(pid)));
  }
  return found;
}

async function childrenOf(pid: number): Promise<number[]> {
  const tasks = await readdir(`/proc/${pid}/task`).catch(() => []);
  const lists = await Promise.all(tasks.map((task) => read(`/proc/${pid}/task/${task}/children`)));
  return lists.flatMap((list) =>
    list
      .split(' ')
      .filter((text) => text !== '')
      .map(Number),
  );
}

async function residentBytes(pid: number): Promise<number> {
  const text = await read(`/proc/${pid}/statm`);
  return Number(text.split(' ')[1] ?? 0) * pageBytes;
}

async function proportionalBytes(pid: number): Promise<number> {
  const kilobytes = /^Pss:\s+(\d+) kB/m.exec(await read(`/proc/${pid}/smaps_rollup`))?.[1];
  return kilobytes === undefined ? residentBytes(pid) : Number(kilobytes) * 1024;
}

/** Empty for a process that has just ended. */
function read(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
