import type { ErrorCode } from '@millrace/errors/codes';
import { isMillraceError, MillraceError } from '@millrace/errors/millrace-error';
import {
  ClusterClient,
  NodeRole,
  type RegisterRequest,
  type RegisterResponse,
} from '@millrace/proto/millrace/cluster/v1/cluster';
import { backoffMs, isReportedAttempt, type RetryOptions, retry, sleep } from '@millrace/runtime/backoff';
import type { Logger } from '@millrace/runtime/logger';
import { ChannelPool, callBidirectional } from './client.ts';
import { isRefusedConnection } from './error-details.ts';
import type { NodeSecurity } from './node-security.ts';
import { protocolVersion } from './protocol-version.ts';

/** What a node keeps in its data directory; both empty before its first registration. */
export interface NodeIdentity {
  readonly nodeId: string;
  readonly clusterId: string;
}

export interface NodeAgentOptions {
  /** "host:port" of the aggregator. */
  readonly aggregator: string;
  readonly role: 'leaf' | 'extractor' | 'transform-runner';
  /** "host:port" where others reach this node. */
  readonly advertise: string;
  readonly version: string;
  /** Decimal text of the shard hash probe; empty for a node that does not hash. */
  readonly hashProbe: string;
  readonly identity: NodeIdentity;
  /** Called when the aggregator has assigned an identity other than the one given; must make it durable. */
  readonly saveIdentity?: (identity: NodeIdentity) => void | Promise<void>;
  /** Transactions prepared and not decided, on a leaf. */
  readonly prepared?: () => readonly bigint[];
  /** What this node shows the aggregator; nothing unless given. */
  readonly security?: NodeSecurity;
  /** Share of work this node takes beside others of its role, about the processors it may use; 1 if not given. */
  readonly capacity?: number;
  readonly logger: Logger;
}

/** Refusals that only a person can end: the node gives up. */
const finalRefusals: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'CLUSTER_MISMATCH',
  'HASH_MISMATCH',
  'NODE_DUPLICATE',
  'PARTITION_MISSING',
  'PROTOCOL_MISMATCH',
]);

/** A registration that lasted this long worked; the waits after losing it start anew. */
const stableMs = 30_000;
/** Longest pause after a registration that was lost, in ms: reads wait a second for a leaf that was. */
const lossDelayMsMax = 600;
/** How often a leaf that REMOVE LEAF took out looks whether ADD LEAF takes it back, in ms. */
const removedDelayMs = 3_000;
/** An aggregator that has not answered for so many leases is asked over a new connection. */
const silentLeasesMax = 2;
/** Longest wait for the aggregator to hear that this node is stopping, in ms. */
const drainAnswerMsMax = 1_000;

const roles = {
  leaf: NodeRole.LEAF,
  extractor: NodeRole.EXTRACTOR,
  'transform-runner': NodeRole.TRANSFORM_RUNNER,
} as const satisfies Record<NodeAgentOptions['role'], NodeRole>;

const noIdentity: NodeIdentity = { nodeId: '', clusterId: '' };

/**
 * Keeps a node registered with the aggregator: announces it, renews its lease, and connects again with rising delays
 * when the aggregator is away. Ends by itself only when the aggregator says that the node does not belong to it.
 */
export class NodeAgent {
  readonly #options: NodeAgentOptions;
  readonly #channels: ChannelPool<ClusterClient>;
  readonly #stopped = new AbortController();
  readonly #draining = new AbortController();
  readonly #stateWaiters = new Set<() => void>();
  #identity: NodeIdentity;
  #state = '';
  #running: Promise<void> | undefined;

  constructor(options: NodeAgentOptions) {
    this.#options = options;
    this.#identity = options.identity;
    this.#channels = new ChannelPool(ClusterClient, options.security);
  }

  /** Starts registering; `onRefused` is told when the aggregator refuses this node for good. */
  start(onRefused: (error: unknown) => void): void {
    const { signal } = this.#stopped;
    this.#running = this.#stayRegistered(signal).catch((error: unknown) => {
      if (!signal.aborted) onRefused(error);
    });
  }

  async #stayRegistered(signal: AbortSignal): Promise<void> {
    const options: RetryOptions = {
      attemptsMax: Number.POSITIVE_INFINITY,
      delayMsMin: 100,
      delayMsMax: 2_000,
      signal,
      isRetryable: (error) => !isFinal(error) && !isMillraceError(error, 'LEAF_REMOVED'),
      onRetry: (error, attempt) => this.#logRetry(error, attempt),
    };
    let removed = false;
    let losses = 0;
    while (!signal.aborted) {
      try {
        const lastedMs = await retry(options, () => this.#register(signal));
        removed = false;
        // Accepted and lost at once, again and again, must not become a loop without a pause.
        losses = lastedMs > stableMs ? 1 : losses + 1;
        await sleep(backoffMs({ ...options, delayMsMax: lossDelayMsMax }, losses), signal);
      } catch (error) {
        if (!isMillraceError(error, 'LEAF_REMOVED')) throw error;
        if (!removed) this.#options.logger.error('the aggregator refuses this node', { error });
        removed = true;
        await sleep(removedDelayMs, signal);
      }
    }
  }

  /** Tells the aggregator that this node is about to stop, so that it gets nothing new; resolves when that is known. */
  async drain(): Promise<void> {
    this.#draining.abort();
    const late = AbortSignal.timeout(drainAnswerMsMax);
    while (this.#state !== '' && this.#state !== 'draining' && !late.aborted) await this.#changed(late);
  }

  async stop(): Promise<void> {
    this.#draining.abort();
    this.#stopped.abort();
    await this.#running;
    this.#channels.close();
  }

  get identity(): NodeIdentity {
    return this.#identity;
  }

  /** Whether the aggregator counts on this node now. */
  get online(): boolean {
    return this.#state === 'online';
  }

  /** Resolves when the node is online. */
  async whenOnline(signal: AbortSignal): Promise<void> {
    while (!this.online) {
      signal.throwIfAborted();
      await this.#changed(signal);
    }
  }

  /** Resolves when the state changes or the signal aborts. */
  #changed(signal: AbortSignal): Promise<void> {
    return new Promise<void>((resolve) => {
      const done = () => {
        this.#stateWaiters.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#stateWaiters.add(done);
      signal.addEventListener('abort', done, { once: true });
      if (signal.aborted) done();
    });
  }

  /** One registration. Resolves when it ends after having been accepted, to the milliseconds for which it was. */
  async #register(signal: AbortSignal): Promise<number> {
    const ended = new AbortController();
    const scope = AbortSignal.any([signal, ended.signal]);
    const lease = { ms: 1_000 };
    const client = this.#channels.get(this.#options.aggregator);
    const announcements = this.#announcements(lease, scope);
    let acceptedAt: number | undefined;
    let silence: NodeJS.Timeout | undefined;
    try {
      for await (const response of callBidirectional(client, client.register, announcements, {
        signal: scope,
      })) {
        clearTimeout(silence);
        lease.ms = response.leaseMs;
        await this.#accept(response);
        acceptedAt ??= performance.now();
        // Half a connection looks open from here: nothing but the silence tells.
        silence = setTimeout(() => this.#giveUp(ended), silentLeasesMax * lease.ms);
      }
    } catch (error) {
      if (acceptedAt === undefined || isFinal(error) || isMillraceError(error, 'LEAF_REMOVED')) throw error;
    } finally {
      clearTimeout(silence);
      ended.abort();
      this.#setState('');
    }
    if (acceptedAt === undefined) throw new Error('the aggregator ended the registration');
    if (!signal.aborted)
      this.#options.logger.warn('registration lost', { aggregator: this.#options.aggregator });
    return performance.now() - acceptedAt;
  }

  #giveUp(registration: AbortController): void {
    this.#options.logger.warn('the aggregator does not answer', { aggregator: this.#options.aggregator });
    registration.abort();
    this.#channels.drop(this.#options.aggregator);
  }

  async #accept({ nodeId, clusterId, state, ...peer }: RegisterResponse): Promise<void> {
    if (peer.protocolVersion !== protocolVersion) {
      const { role, version, aggregator } = this.#options;
      throw new MillraceError(
        'PROTOCOL_MISMATCH',
        `the aggregator ${aggregator} speaks protocol ${peer.protocolVersion}, this ${role} (version ${version}) ` +
          `speaks protocol ${protocolVersion}`,
      );
    }
    if (nodeId !== this.#identity.nodeId || clusterId !== this.#identity.clusterId) {
      this.#identity = { nodeId, clusterId };
      await this.#options.saveIdentity?.(this.#identity);
    }
    this.#setState(state);
  }

  #setState(state: string): void {
    if (state === this.#state) return;
    this.#state = state;
    if (state !== '') this.#options.logger.info('registered', { nodeId: this.#identity.nodeId, state });
    for (const done of [...this.#stateWaiters]) done();
  }

  async *#announcements(lease: { ms: number }, signal: AbortSignal): AsyncGenerator<RegisterRequest> {
    while (!signal.aborted) {
      yield this.#announcement();
      const draining = this.#draining.signal;
      const wake = draining.aborted ? signal : AbortSignal.any([signal, draining]);
      await sleep(lease.ms / 3, wake).catch(() => undefined);
    }
  }

  #announcement(): RegisterRequest {
    const { role, advertise, version, hashProbe, prepared, capacity } = this.#options;
    return {
      role: roles[role],
      // Stateless nodes belong to whichever cluster they connect to.
      ...(role === 'leaf' ? this.#identity : noIdentity),
      advertise,
      version,
      protocolVersion,
      hashProbe,
      prepared: [...(prepared?.() ?? [])],
      capacity: capacity ?? 1,
      draining: this.#draining.signal.aborted,
    };
  }

  #logRetry(error: unknown, attempt: number): void {
    // A start in any order, and a short restart of the aggregator, are normal; an answer that waiting does not change is not.
    const reported = isReportedAttempt(attempt) && (attempt >= 8 || isRefusal(error));
    const level = reported ? 'warn' : 'debug';
    this.#options.logger[level]('not registered with the aggregator', {
      aggregator: this.#options.aggregator,
      attempt,
      error: error instanceof Error ? error.message : String(error),
    });
  }
}

/** The aggregator, or whoever is at its address, has turned this node away. */
function isRefusal(error: unknown): boolean {
  return isMillraceError(error) && (!error.retryable || isRefusedConnection(error));
}

function isFinal(error: unknown): boolean {
  return isMillraceError(error) && finalRefusals.has(error.code);
}
