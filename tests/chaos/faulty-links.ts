import { setTimeout as sleep } from 'node:timers/promises';
import { type FaultKind, FaultProxy } from '@millrace/testkit/fault-proxy';
import { freePort } from '../support/ports.ts';
import type { PlannedFault } from './fault-schedule.ts';

/** The proxies between services, by link, such as `leaf-1>aggregator`. */
export class FaultyLinks {
  readonly #proxies = new Map<string, FaultProxy>();
  readonly #suffering = new Map<string, Promise<void>>();
  #sufferingNow = 0;
  readonly #hits = new Map<FaultKind, number>();
  /** Faults that some connection has suffered from. */
  faults = 0;
  /** The most links that suffered at the same time. */
  sufferingMax = 0;

  get names(): string[] {
    return [...this.#proxies.keys()];
  }

  /** Connections that suffered, by kind of fault. */
  get hits(): ReadonlyMap<FaultKind, number> {
    return this.#hits;
  }

  /** Puts a proxy before a port; resolves to the port that reaches it through the proxy. */
  async add(name: string, targetPort: number): Promise<number> {
    const proxy = await FaultProxy.listen(await freePort(), targetPort);
    this.#proxies.set(name, proxy);
    return proxy.port;
  }

  /**
   * Carries out the schedule until so many faults have hit a connection, then waits until all links are whole. A link that
   * still suffers gets its next fault right after.
   */
  async suffer(
    schedule: Iterable<PlannedFault>,
    count: number,
    onFault: (planned: PlannedFault) => void,
  ): Promise<void> {
    for (const planned of schedule) {
      if (this.faults >= count) break;
      await sleep(planned.afterMs);
      const before = this.#suffering.get(planned.link) ?? Promise.resolve();
      const suffered = before.then(() => {
        onFault(planned);
        return this.#inflict(planned);
      });
      this.#suffering.set(planned.link, suffered);
      // Reported at the end.
      suffered.catch(() => undefined);
    }
    await Promise.all(this.#suffering.values());
  }

  async close(): Promise<void> {
    await Promise.all([...this.#proxies.values()].map((proxy) => proxy.close()));
  }

  async #inflict({ link, fault }: PlannedFault): Promise<void> {
    this.#sufferingNow += 1;
    this.sufferingMax = Math.max(this.sufferingMax, this.#sufferingNow);
    const hit = (await this.#proxies.get(link)?.inflict(fault)) ?? 0;
    this.#sufferingNow -= 1;
    this.#hits.set(fault.kind, (this.#hits.get(fault.kind) ?? 0) + hit);
    if (hit > 0) this.faults += 1;
  }
}
