import { sleep } from '@millrace/runtime/backoff';
import type { EventProducer } from './event-producer.ts';

export interface PacingOptions {
  /** Events per second; 0 is as fast as the broker takes them. */
  readonly rate: number;
  /** Ends after so many events; Infinity goes on until the signal aborts. */
  readonly count: number;
  readonly signal: AbortSignal;
  readonly onCreated?: (offsets: readonly number[]) => void;
  /** Told the number of events after each acknowledged request. */
  readonly onWritten?: (written: number) => void;
}

/** How often events are written at a fixed rate. */
const tickMs = 20;

/** Writes events at a rate until their number is reached or the signal aborts. Gives the number written. */
export async function produceEvents(producer: EventProducer, options: PacingOptions): Promise<number> {
  const { rate, count, signal, onCreated, onWritten } = options;
  const startMs = performance.now();
  let written = 0;
  while (written < count && !signal.aborted) {
    const due = rate === 0 ? Infinity : Math.floor(((performance.now() - startMs) / 1000) * rate) - written;
    const now = Math.min(due, producer.eventsMax, count - written);
    if (now > 0) {
      await producer.send(now, onCreated);
      written += now;
      onWritten?.(written);
    }
    if (rate !== 0) await sleep(tickMs, signal).catch(() => undefined);
  }
  return written;
}
