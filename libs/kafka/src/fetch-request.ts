import type { MillraceError } from '@millrace/errors/millrace-error';
import type { IsolationLevel } from './isolation-level.ts';

/** Offsets of one partition, `end` excluded. */
export interface FetchRange {
  readonly partition: number;
  readonly begin: bigint;
  readonly end: bigint;
}

export interface FetchRequest {
  readonly topic: string;
  /** At most one for each partition. */
  readonly ranges: readonly FetchRange[];
  readonly isolation: IsolationLevel;
  /** Bounds the responses held at a time, over all brokers; a single batch larger than its share comes nevertheless. */
  readonly bufferBytesMax: number;
  readonly signal?: AbortSignal | undefined;
  /** Told of each failure that is followed by another attempt. */
  readonly onRetry?: ((error: MillraceError, attempt: number) => void) | undefined;
}
