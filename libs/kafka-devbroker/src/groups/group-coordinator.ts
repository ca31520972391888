import { randomUUID } from 'node:crypto';
import { ProtocolError } from '../wire/error-code.ts';
import type { CommittedOffsets, CommittedPartition } from './committed-offsets.ts';
import { Group, type JoinRequest, type JoinResult } from './group.ts';

export interface GroupLimits {
  readonly groupsMax: number;
  readonly membersPerGroupMax: number;
}

/** Kafka's default bounds of `session.timeout.ms`, lower at the bottom so that tests need not wait. */
const sessionTimeoutMsMin = 100;
const sessionTimeoutMsMax = 1_800_000;

/** The consumer groups of the broker: membership lives in memory only, committed offsets are kept. */
export class GroupCoordinator {
  readonly offsets: CommittedOffsets;
  readonly #limits: GroupLimits;
  readonly #now: () => number;
  readonly #groups = new Map<string, Group>();

  constructor(offsets: CommittedOffsets, limits: GroupLimits, now: () => number) {
    this.offsets = offsets;
    this.#limits = limits;
    this.#now = now;
  }

  /** @throws ProtocolError as {@link Group.join}, INVALID_GROUP_ID, INVALID_SESSION_TIMEOUT */
  join(groupId: string, clientId: string, request: JoinRequest, signal: AbortSignal): Promise<JoinResult> {
    if (request.sessionTimeoutMs < sessionTimeoutMsMin || request.sessionTimeoutMs > sessionTimeoutMsMax) {
      throw new ProtocolError(
        'INVALID_SESSION_TIMEOUT',
        `a session timeout is ${sessionTimeoutMsMin} to ${sessionTimeoutMsMax} ms`,
      );
    }
    const group = this.#groups.get(groupId) ?? this.#create(groupId);
    return group.join(request, `${clientId}-${randomUUID()}`, this.#now(), signal);
  }

  /** @throws ProtocolError as {@link Group.sync} */
  async sync(
    groupId: string,
    memberId: string,
    generation: number,
    assignments: ReadonlyMap<string, Buffer>,
    signal: AbortSignal,
  ): Promise<Buffer> {
    return this.#find(groupId, memberId).sync(memberId, generation, assignments, this.#now(), signal);
  }

  /** @throws ProtocolError as {@link Group.heartbeat} */
  heartbeat(groupId: string, memberId: string, generation: number): void {
    this.#find(groupId, memberId).heartbeat(memberId, generation, this.#now());
  }

  /** @throws ProtocolError UNKNOWN_MEMBER_ID */
  leave(groupId: string, memberId: string): void {
    this.#find(groupId, memberId).leave(memberId, this.#now());
    this.#forgetIfEmpty(groupId);
  }

  /** @throws ProtocolError as {@link Group.checkCommit}, INVALID_GROUP_ID, GROUP_MAX_SIZE_REACHED */
  checkCommit(groupId: string, memberId: string, generation: number): void {
    const group = this.#groups.get(groupId);
    if (group !== undefined) group.checkCommit(memberId, generation, this.#now());
    else if (generation >= 0)
      throw new ProtocolError('ILLEGAL_GENERATION', `no group '${groupId}' is active`);
    else this.#checkNewGroup(groupId);
  }

  commit(groupId: string, committed: CommittedPartition): void {
    this.offsets.commit(groupId, committed);
  }

  /** To be called a few times a second. */
  tick(): void {
    for (const [groupId, group] of this.#groups) {
      group.tick(this.#now());
      this.#forgetIfEmpty(groupId);
    }
  }

  #create(groupId: string): Group {
    this.#checkNewGroup(groupId);
    const group = new Group(this.#limits.membersPerGroupMax);
    this.#groups.set(groupId, group);
    return group;
  }

  #checkNewGroup(groupId: string): void {
    if (groupId === '') throw new ProtocolError('INVALID_GROUP_ID', 'the group id is empty');
    const known = this.offsets.hasGroup(groupId);
    if (!known && this.#groups.size + this.offsets.groupCount >= this.#limits.groupsMax) {
      throw new ProtocolError(
        'GROUP_MAX_SIZE_REACHED',
        `the broker has at most ${this.#limits.groupsMax} groups`,
      );
    }
  }

  #find(groupId: string, memberId: string): Group {
    const group = this.#groups.get(groupId);
    if (group !== undefined) return group;
    throw new ProtocolError('UNKNOWN_MEMBER_ID', `no group '${groupId}' with member '${memberId}' is active`);
  }

  #forgetIfEmpty(groupId: string): void {
    if (this.#groups.get(groupId)?.isEmpty) this.#groups.delete(groupId);
  }
}
