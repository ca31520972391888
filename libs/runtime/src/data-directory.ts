import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { MillraceError } from '@millrace/errors/millrace-error';

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
