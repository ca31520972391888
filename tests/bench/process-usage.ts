import { readFileSync } from 'node:fs';

/** `sysconf(_SC_CLK_TCK)`: 100 on every Linux that Node runs on. */
const ticksPerSecond = 100;

export interface WatchedProcess {
  readonly name: string;
  readonly pid: number;
}

/**
 * CPU seconds a process has used so far, user and system, with those of its children that have ended and been waited
 * for (proc(5), `/proc/pid/stat`, fields 14 to 17).
 */
export function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the command in parentheses, which may hold blanks and parentheses itself.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return ticks / ticksPerSecond;
}

/** The most memory a process has held so far (proc(5), `VmHWM`). */
export function peakRssBytesOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kilobytes === undefined) throw new Error(`/proc/${pid}/status has no VmHWM`);
  return Number(kilobytes) * 1024;
}

/** What several processes used between two moments. */
export class UsageMeter {
  readonly #processes: readonly WatchedProcess[];
  readonly #startCpu: readonly number[];
  readonly #startMs = performance.now();

  constructor(processes: readonly WatchedProcess[]) {
    this.#processes = processes;
    this.#startCpu = processes.map(({ pid }) => cpuSecondsOf(pid));
  }

  read(): Usage {
    const byProcess = this.#processes.map(({ name, pid }, index) => ({
      name,
      cpuSeconds: cpuSecondsOf(pid) - (this.#startCpu[index] ?? 0),
      peakRssBytes: peakRssBytesOf(pid),
    }));
    const sum = (each: (usage: ProcessUsage) => number) =>
      byProcess.reduce((total, usage) => total + each(usage), 0);
    return {
      seconds: (performance.now() - this.#startMs) / 1000,
      cpuSeconds: sum(({ cpuSeconds }) => cpuSeconds),
      peakRssBytes: sum(({ peakRssBytes }) => peakRssBytes),
      byProcess,
    };
  }
}

export interface ProcessUsage {
  readonly name: string;
  readonly cpuSeconds: number;
  readonly peakRssBytes: number;
}

export interface Usage {
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Sum of each process's own peak since its start: at least what all held at any one moment. */
  readonly peakRssBytes: number;
  readonly byProcess: readonly ProcessUsage[];
}
