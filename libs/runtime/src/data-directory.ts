import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { isMillraceError, MillraceError } from '@millrace/errors/millrace-error';

/** A data directory held by this process alone. */
export interface DataDirectory {
  readonly path: string;
  /** May be called again. */
  release(): void;
}

/**
 * Creates the directory (mode 0700) if needed and locks it. The lock is an exclusive lock of the operating system on
 * `millrace.lock`, taken through SQLite because Node has no file locks of its own; it ends with the process however
 * that dies. Throws DATA_DIR_LOCKED when another process holds it.
 */
export function openDataDirectory(path: string): DataDirectory {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const lock = new DatabaseSync(join(path, 'millrace.lock'));
  try {
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE;');
  } catch (cause) {
    lock.close();
    throw new MillraceError('DATA_DIR_LOCKED', `another process uses the data directory ${path}`, { cause });
  }
  return {
    path,
    release: () => {
      if (lock.isOpen) lock.close();
    },
  };
}

const slotsMax = 256;
/** Choosing takes milliseconds: who waits longer waits for something broken. */
const poolWaitMs = 60_000;

/**
 * Takes the first of the data directories `slot-1`, `slot-2`, … of a shared folder that no living process holds, and makes
 * one when all are held. For replicas without names of their own: one that is made again finds the data of one that ended.
 * Throws DATA_DIR_LOCKED when there are too many.
 */
export function openPooledDataDirectory(pool: string): DataDirectory {
  mkdirSync(pool, { recursive: true, mode: 0o700 });
  // One chooses at a time: of two that tried the same slot at once, both could find it busy and pass it by.
  const choosing = new DatabaseSync(join(pool, 'pool.lock'), { timeout: poolWaitMs });
  try {
    choosing.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE;');
    for (let slot = 1; slot <= slotsMax; slot += 1) {
      try {
        return openDataDirectory(join(pool, `slot-${slot}`));
      } catch (error) {
        if (!isMillraceError(error, 'DATA_DIR_LOCKED')) throw error;
      }
    }
    throw new MillraceError('DATA_DIR_LOCKED', `all ${slotsMax} data directories in ${pool} are in use`);
  } finally {
    choosing.close();
  }
}
