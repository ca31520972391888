import { MillraceError } from '@millrace/errors/millrace-error';
import type { LeafClient } from '../leaves/leaf-port.ts';
import { Lease, type LeaseClock } from './lease.ts';
import type { NodeAnnouncement, NodeRole, NodeState } from './node.ts';

const lostCodes = {
  leaf: 'LEAF_UNAVAILABLE',
  extractor: 'EXTRACTOR_UNAVAILABLE',
  'transform-runner': 'RUNNER_UNAVAILABLE',
} as const satisfies Record<NodeRole, string>;

export interface MemberOptions {
  readonly nodeId: string;
  readonly announcement: NodeAnnouncement;
  readonly leaseMs: number;
  readonly clock: LeaseClock;
  readonly connectLeaf: (gone: AbortSignal) => LeafClient;
}

/** One registration of a node, from its first announcement to the end of its stream. */
export class Member {
  readonly role: NodeRole;
  readonly nodeId: string;
  readonly address: string;
  readonly version: string;
  readonly capacity: number;
  readonly lease: Lease;
  readonly leaf: LeafClient | undefined;
  /** Whether a leaf is known to have the partitions that it held. Before, nobody may tell it anything. */
  complete = false;
  /** Whether the registration has ended in a way that leaves open that the node lives. */
  mayLive = false;
  /** Announcements after the first. */
  renewals = 0;
  readonly #gone = new AbortController();
  readonly #leaving = new AbortController();
  #state: NodeState;
  #refusal: MillraceError | undefined;
  #hasNews = false;
  #wake: () => void = () => {};

  constructor({ nodeId, announcement, leaseMs, clock, connectLeaf }: MemberOptions) {
    const { role, address, version, capacity } = announcement;
    this.role = role;
    this.nodeId = nodeId;
    this.address = address;
    this.version = version;
    this.capacity = capacity;
    this.lease = new Lease(leaseMs, clock);
    this.#state = role === 'leaf' ? 'recovering' : 'online';
    this.leaf = role === 'leaf' ? connectLeaf(this.gone) : undefined;
  }

  get state(): NodeState {
    return this.#state;
  }

  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  get leaving(): AbortSignal {
    return this.#leaving.signal;
  }

  /** What the node's stream ends with, if the node was refused after it had been let in. */
  get refusal(): MillraceError | undefined {
    return this.#refusal;
  }

  /** Notes a further announcement. Returns whether the node has begun to drain. */
  renew({ draining }: NodeAnnouncement): boolean {
    this.renewals += 1;
    this.lease.renew();
    const begins = draining && this.#state !== 'draining' && !this.gone.aborted;
    if (begins) {
      this.#state = 'draining';
      this.#leaving.abort(this.#lost('is stopping'));
    }
    this.#ring();
    return begins;
  }

  /** A leaf has its schema and no open question. False when it drains or is gone meanwhile. */
  admit(): boolean {
    if (this.gone.aborted || this.#state !== 'recovering') return false;
    this.#state = 'online';
    this.#ring();
    return true;
  }

  /** Ends the registration with an error for the node. */
  refuse(refusal: MillraceError): void {
    this.#refusal ??= refusal;
    this.end('was refused');
  }

  /** Ends the registration; `what` happened to the node, as in "was lost: …". */
  end(what: string): void {
    if (this.gone.aborted) return;
    this.#state = 'offline';
    const error = this.#lost(what);
    this.#leaving.abort(error);
    this.#gone.abort(error);
    this.#ring();
  }

  /** Resolves when there is something to tell the node since the last call. */
  async news(): Promise<void> {
    if (!this.#hasNews) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#hasNews = false;
  }

  /** The same when nothing is known but that the stream of the registration has ended. */
  break(what: string): void {
    if (this.gone.aborted) return;
    this.mayLive = true;
    this.end(what);
  }

  #ring(): void {
    this.#hasNews = true;
    this.#wake();
  }

  #lost(what: string): MillraceError {
    return new MillraceError(lostCodes[this.role], `${nodeName(this)} ${what}`);
  }
}

/** As messages name a node: `leaf 3 (127.0.0.1:4000)`, `extractor 127.0.0.1:5000`. */
export function nodeName({
  role,
  nodeId,
  address,
}: {
  readonly role: NodeRole;
  readonly nodeId: string;
  readonly address: string;
}): string {
  return role === 'leaf' && nodeId !== '' ? `leaf ${nodeId} (${address})` : `${role} ${address}`;
}
