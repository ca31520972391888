import { beforeEach, describe, expect, it } from 'vitest';
import { errorCode } from '../wire/error-code.ts';
import { Group, type JoinRequest } from './group.ts';

const never = new AbortController().signal;
const metadata = Buffer.from('metadata');

function joinRequest(changed: Partial<JoinRequest> = {}): JoinRequest {
  return {
    memberId: '',
    groupInstanceId: null,
    sessionTimeoutMs: 1000,
    rebalanceTimeoutMs: 3000,
    protocolType: 'consumer',
    protocols: [
      { name: 'range', metadata },
      { name: 'roundrobin', metadata },
    ],
    ...changed,
  };
}

const code = (name: keyof typeof errorCode) => expect.objectContaining({ code: errorCode[name] });

/** A group with the members a (leader) and b, stable in generation 2. */
async function stablePair(group: Group): Promise<void> {
  const first = group.join(joinRequest(), 'a', 0, never);
  expect(await first).toMatchObject({ generation: 1, leaderId: 'a', memberId: 'a', protocolName: 'range' });
  await group.sync('a', 1, new Map([['a', Buffer.from('all')]]), 0, never);
  const second = group.join(joinRequest(), 'b', 0, never);
  expect(() => group.heartbeat('a', 1, 0)).toThrow(code('REBALANCE_IN_PROGRESS'));
  const again = group.join(joinRequest({ memberId: 'a' }), 'unused', 0, never);
  expect((await again).members.map((member) => member.id)).toEqual(['a', 'b']);
  expect(await second).toMatchObject({ generation: 2, leaderId: 'a', memberId: 'b', members: [] });
  const follower = group.sync('b', 2, new Map(), 0, never);
  const assignments = new Map([
    ['a', Buffer.from('for a')],
    ['b', Buffer.from('for b')],
  ]);
  expect((await group.sync('a', 2, assignments, 0, never)).toString()).toBe('for a');
  expect((await follower).toString()).toBe('for b');
}

describe('Group', () => {
  let group: Group;

  beforeEach(async () => {
    group = new Group(3);
    await stablePair(group);
  });

  it('answers a late sync of a stable generation at once', async () => {
    expect((await group.sync('b', 2, new Map(), 0, never)).toString()).toBe('for b');
  });

  it('refuses strangers and old generations', async () => {
    expect(() => group.heartbeat('x', 2, 0)).toThrow(code('UNKNOWN_MEMBER_ID'));
    expect(() => group.heartbeat('a', 1, 0)).toThrow(code('ILLEGAL_GENERATION'));
    expect(() => group.checkCommit('a', 1, 0)).toThrow(code('ILLEGAL_GENERATION'));
    expect(() => group.checkCommit('', -1, 0)).toThrow(code('UNKNOWN_MEMBER_ID'));
    expect(() => group.leave('x', 0)).toThrow(code('UNKNOWN_MEMBER_ID'));
    await expect(group.sync('a', 1, new Map(), 0, never)).rejects.toEqual(code('ILLEGAL_GENERATION'));
    expect(() => group.join(joinRequest({ memberId: 'x' }), 'x', 0, never)).toThrow(
      code('UNKNOWN_MEMBER_ID'),
    );
  });

  it('refuses a member without a common protocol', () => {
    const protocols = [{ name: 'sticky', metadata }];
    expect(() => group.join(joinRequest({ protocols }), 'c', 0, never)).toThrow(
      code('INCONSISTENT_GROUP_PROTOCOL'),
    );
    expect(() => group.join(joinRequest({ protocolType: 'connect' }), 'c', 0, never)).toThrow(
      code('INCONSISTENT_GROUP_PROTOCOL'),
    );
    group.heartbeat('a', 2, 0);
  });

  it('refuses more members than its limit', async () => {
    void group.join(joinRequest(), 'c', 0, never);
    expect(() => group.join(joinRequest(), 'd', 0, never)).toThrow(code('GROUP_MAX_SIZE_REACHED'));
  });

  it('rebalances when a member is silent for its session timeout', async () => {
    group.heartbeat('b', 2, 900);
    group.tick(1001);
    expect(() => group.heartbeat('b', 2, 1001)).toThrow(code('REBALANCE_IN_PROGRESS'));
    expect(() => group.heartbeat('a', 2, 1001)).toThrow(code('UNKNOWN_MEMBER_ID'));
    const rejoined = await group.join(joinRequest({ memberId: 'b' }), 'unused', 1100, never);
    expect(rejoined).toMatchObject({ generation: 3, leaderId: 'b' });
  });

  it('drops members that do not rejoin within the rebalance timeout', async () => {
    const third = group.join(joinRequest(), 'c', 100, never);
    const second = group.join(joinRequest({ memberId: 'b' }), 'unused', 100, never);
    // The first keeps sending heartbeats but never rejoins.
    for (let nowMs = 200; nowMs < 3100; nowMs += 500) {
      expect(() => group.heartbeat('a', 2, nowMs)).toThrow(code('REBALANCE_IN_PROGRESS'));
      group.tick(nowMs);
    }
    group.tick(3100);
    expect((await second).leaderId).toBe('b');
    expect((await third).generation).toBe(3);
    expect(() => group.heartbeat('a', 2, 3100)).toThrow(code('UNKNOWN_MEMBER_ID'));
  });

  it('completes a rebalance when the member it waits for leaves', async () => {
    const second = group.join(joinRequest({ memberId: 'b' }), 'unused', 100, never);
    group.leave('a', 200);
    expect(await second).toMatchObject({ generation: 3, leaderId: 'b' });
    group.leave('b', 300);
    expect(group.isEmpty).toBe(true);
    group.checkCommit('', -1, 300);
  });

  it('frees followers when the leader dies before it brings the assignment', async () => {
    const first = group.join(joinRequest({ memberId: 'a' }), 'unused', 100, never);
    const second = group.join(joinRequest({ memberId: 'b' }), 'unused', 100, never);
    await Promise.all([first, second]);
    const waiting = expect(group.sync('b', 3, new Map(), 100, never)).rejects.toEqual(
      code('REBALANCE_IN_PROGRESS'),
    );
    group.tick(1101);
    await waiting;
  });

  it('forgets a join whose connection is gone', async () => {
    const gone = new AbortController();
    const abandoned = expect(group.join(joinRequest(), 'c', 0, gone.signal)).rejects.toEqual(
      code('REBALANCE_IN_PROGRESS'),
    );
    gone.abort();
    await abandoned;
    const first = group.join(joinRequest({ memberId: 'a' }), 'unused', 900, never);
    const second = group.join(joinRequest({ memberId: 'b' }), 'unused', 900, never);
    group.tick(1001);
    expect((await first).members.map((member) => member.id)).toEqual(['a', 'b']);
    await second;
  });
});
