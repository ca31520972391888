import { rm } from 'node:fs/promises';

/** Ends a reader's hold on the segments that existed when it began. Calling it twice does nothing. */
export type LeaveSegments = () => void;

interface Retirement {
  readonly paths: readonly string[];
  readonly readers: Set<symbol>;
}

/**
 * Keeps segment files that left the manifest until every reader that may still have them in its snapshot is done. A
 * reader enters before it reads a manifest; files are retired after the commit that removed them.
 */
export class SegmentReaders {
  readonly #active = new Set<symbol>();
  readonly #retirements = new Set<Retirement>();

  enter(): LeaveSegments {
    const reader = Symbol('segment reader');
    this.#active.add(reader);
    return () => {
      if (!this.#active.delete(reader)) return;
      for (const retirement of this.#retirements) {
        retirement.readers.delete(reader);
        if (retirement.readers.size === 0) this.#finish(retirement);
      }
    };
  }

  retire(paths: readonly string[]): void {
    const retirement = { paths, readers: new Set(this.#active) };
    this.#retirements.add(retirement);
    if (retirement.readers.size === 0) this.#finish(retirement);
  }

  #finish(retirement: Retirement): void {
    this.#retirements.delete(retirement);
    // A file that cannot be removed now is an orphan, which the next start removes.
    for (const path of retirement.paths)
      void rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}
