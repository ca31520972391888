import { ProtocolError } from '../wire/error-code.ts';
import { PendingAnswer } from './pending-answer.ts';

export interface GroupProtocol {
  readonly name: string;
  readonly metadata: Buffer;
}

export interface JoinRequest {
  /** Empty for a consumer that joins for the first time. */
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly protocolType: string;
  /** In the member's order of preference. */
  readonly protocols: readonly GroupProtocol[];
}

export interface JoinResult {
  readonly generation: number;
  readonly protocolName: string;
  readonly leaderId: string;
  readonly memberId: string;
  /** Only for the leader, which computes the assignment. */
  readonly members: readonly {
    readonly id: string;
    readonly groupInstanceId: string | null;
    readonly metadata: Buffer;
  }[];
}

interface Member {
  readonly id: string;
  request: JoinRequest;
  lastSeenMs: number;
  assignment: Buffer;
  readonly joining: PendingAnswer<JoinResult>;
  readonly syncing: PendingAnswer<Buffer>;
}

/**
 * One consumer group, as the classic rebalance protocol has it (Kafka protocol guide, "Group Membership"):
 *
 *     empty -> joining: a member joins
 *     joining -> syncing: all members have joined, or the rebalance timeout drops those that have not
 *     syncing -> stable: the leader has sent the assignment
 *     syncing, stable -> joining: a member joins, leaves or is not heard of for its session timeout
 *     any -> empty: the last member is gone
 *
 * It has no timers: {@link tick} is to be called a few times a second. A static member (`group.instance.id`) is treated as
 * a dynamic one.
 */
export class Group {
  readonly #membersMax: number;
  readonly #members = new Map<string, Member>();
  #state: 'empty' | 'joining' | 'syncing' | 'stable' = 'empty';
  #generation = 0;
  #leaderId = '';
  #protocolName = '';
  #joinDeadlineMs = 0;

  constructor(membersMax: number) {
    this.#membersMax = membersMax;
  }

  get isEmpty(): boolean {
    return this.#members.size === 0;
  }

  /**
   * Adds or re-adds a member, who gets `newMemberId` if the request has none, and waits until the generation is complete.
   *
   * @throws ProtocolError UNKNOWN_MEMBER_ID, INCONSISTENT_GROUP_PROTOCOL, GROUP_MAX_SIZE_REACHED
   */
  join(request: JoinRequest, newMemberId: string, nowMs: number, signal: AbortSignal): Promise<JoinResult> {
    this.#checkProtocols(request);
    const id = request.memberId === '' ? newMemberId : request.memberId;
    let member = this.#members.get(id);
    if (member === undefined) {
      if (request.memberId !== '') throw unknownMember(id);
      if (this.#members.size >= this.#membersMax) {
        throw new ProtocolError('GROUP_MAX_SIZE_REACHED', `a group has at most ${this.#membersMax} members`);
      }
      member = {
        id,
        request,
        lastSeenMs: nowMs,
        assignment: Buffer.alloc(0),
        joining: new PendingAnswer(),
        syncing: new PendingAnswer(),
      };
      this.#members.set(id, member);
    }
    member.request = request;
    member.lastSeenMs = nowMs;
    const result = member.joining.wait(signal, rebalanceInProgress);
    this.#beginRebalance(nowMs);
    this.#completeJoinIfAll(nowMs);
    return result;
  }

  /**
   * Gives the member its assignment, which the leader brings for all; followers wait for it.
   *
   * @throws ProtocolError UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS
   */
  async sync(
    memberId: string,
    generation: number,
    assignments: ReadonlyMap<string, Buffer>,
    nowMs: number,
    signal: AbortSignal,
  ): Promise<Buffer> {
    const member = this.#checkMember(memberId, generation, nowMs);
    if (this.#state === 'joining') throw rebalanceInProgress();
    if (this.#state === 'stable') return member.assignment;
    if (memberId !== this.#leaderId) return member.syncing.wait(signal, rebalanceInProgress);
    this.#state = 'stable';
    for (const each of this.#members.values()) {
      each.assignment = assignments.get(each.id) ?? Buffer.alloc(0);
      each.lastSeenMs = nowMs;
      each.syncing.resolve(each.assignment);
    }
    return member.assignment;
  }

  /** @throws ProtocolError UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS */
  heartbeat(memberId: string, generation: number, nowMs: number): void {
    this.#checkMember(memberId, generation, nowMs);
    if (this.#state === 'joining') throw rebalanceInProgress();
  }

  /** @throws ProtocolError UNKNOWN_MEMBER_ID */
  leave(memberId: string, nowMs: number): void {
    if (!this.#members.has(memberId)) throw unknownMember(memberId);
    this.#remove(memberId, nowMs);
  }

  /**
   * Whether this member may commit offsets; a negative generation is a client that assigns partitions itself, which may
   * while the group has no members.
   *
   * @throws ProtocolError UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS
   */
  checkCommit(memberId: string, generation: number, nowMs: number): void {
    if (generation < 0 && this.isEmpty) return;
    this.#checkMember(memberId, generation, nowMs);
    if (this.#state === 'syncing') throw rebalanceInProgress();
  }

  /** Drops members that have been silent too long and ends an overdue join phase. */
  tick(nowMs: number): void {
    const joinOverdue = this.#state === 'joining' && nowMs >= this.#joinDeadlineMs;
    for (const member of [...this.#members.values()]) {
      if (member.joining.isAwaited || member.syncing.isAwaited) continue;
      const silent = nowMs - member.lastSeenMs > member.request.sessionTimeoutMs;
      if (silent || joinOverdue) this.#remove(member.id, nowMs);
    }
  }

  #beginRebalance(nowMs: number): void {
    if (this.#state === 'joining') return;
    this.#state = 'joining';
    let timeoutMs = 0;
    for (const member of this.#members.values()) {
      timeoutMs = Math.max(timeoutMs, member.request.rebalanceTimeoutMs);
      member.syncing.reject(rebalanceInProgress());
    }
    this.#joinDeadlineMs = nowMs + timeoutMs;
  }

  #completeJoinIfAll(nowMs: number): void {
    const members = [...this.#members.values()];
    const leader = this.#members.get(this.#leaderId) ?? members[0];
    if (leader === undefined || !members.every((member) => member.joining.isAwaited)) return;
    this.#state = 'syncing';
    this.#generation++;
    this.#leaderId = leader.id;
    this.#protocolName = this.#commonProtocol(leader.request);
    for (const member of members) {
      member.lastSeenMs = nowMs;
      member.joining.resolve({
        generation: this.#generation,
        protocolName: this.#protocolName,
        leaderId: leader.id,
        memberId: member.id,
        members: member === leader ? members.map((each) => this.#describe(each)) : [],
      });
    }
  }

  #describe(member: Member) {
    const { protocols, groupInstanceId } = member.request;
    const chosen = protocols.find((protocol) => protocol.name === this.#protocolName);
    return { id: member.id, groupInstanceId, metadata: chosen?.metadata ?? Buffer.alloc(0) };
  }

  /** The leader's first choice among the protocols that every member has; one exists, `#checkProtocols` saw to it. */
  #commonProtocol(preferred: JoinRequest): string {
    return preferred.protocols.find((protocol) => this.#allSupport(protocol.name))?.name ?? '';
  }

  #allSupport(name: string, except?: string): boolean {
    for (const member of this.#members.values()) {
      if (member.id !== except && !member.request.protocols.some((protocol) => protocol.name === name)) {
        return false;
      }
    }
    return true;
  }

  #checkProtocols(request: JoinRequest): void {
    const sameType = [...this.#members.values()].every(
      (member) => member.id === request.memberId || member.request.protocolType === request.protocolType,
    );
    if (sameType && request.protocols.some((protocol) => this.#allSupport(protocol.name, request.memberId))) {
      return;
    }
    throw new ProtocolError('INCONSISTENT_GROUP_PROTOCOL', 'the members of the group share no protocol');
  }

  #checkMember(memberId: string, generation: number, nowMs: number): Member {
    const member = this.#members.get(memberId);
    if (member === undefined) throw unknownMember(memberId);
    if (generation !== this.#generation) {
      throw new ProtocolError('ILLEGAL_GENERATION', `the group is in generation ${this.#generation}`);
    }
    member.lastSeenMs = nowMs;
    return member;
  }

  #remove(memberId: string, nowMs: number): void {
    const member = this.#members.get(memberId);
    member?.joining.reject(unknownMember(memberId));
    member?.syncing.reject(unknownMember(memberId));
    this.#members.delete(memberId);
    if (this.isEmpty) {
      this.#state = 'empty';
      return;
    }
    this.#beginRebalance(nowMs);
    this.#completeJoinIfAll(nowMs);
  }
}

function unknownMember(id: string): ProtocolError {
  return new ProtocolError('UNKNOWN_MEMBER_ID', `the group has no member '${id}'`);
}

function rebalanceInProgress(): ProtocolError {
  return new ProtocolError('REBALANCE_IN_PROGRESS', 'the group is rebalancing');
}
