import type { JoinResult } from '../groups/group.ts';
import { answerCode, errorCode } from '../wire/error-code.ts';
import { type Api, type Call, neverFlexible, type Outcome } from './api.ts';

/**
 * JoinGroup (11), versions 0 to 5: waits until every member of the group has joined.
 *
 *     Request  => group_id STRING, session_timeout_ms INT32, rebalance_timeout_ms INT32 v1+, member_id STRING,
 *                 group_instance_id STRING? v5+, protocol_type STRING, [name STRING, metadata BYTES]
 *     Response => throttle_time_ms INT32 v2+, error_code INT16, generation_id INT32, protocol_name STRING, leader STRING,
 *                 member_id STRING, [member_id STRING, group_instance_id STRING? v5+, metadata BYTES]
 *
 * A new member gets its id in the answer; the extra round of MEMBER_ID_REQUIRED (KIP-394) is left out.
 */
export const joinGroupApi: Api = {
  versionMin: 0,
  versionMax: 5,
  flexibleFrom: neverFlexible,
  async handle(call): Promise<Outcome> {
    const { version, request } = call;
    const groupId = request.string();
    const sessionTimeoutMs = request.int32();
    const rebalanceTimeoutMs = version >= 1 ? request.int32() : sessionTimeoutMs;
    const memberId = request.string();
    const groupInstanceId = version >= 5 ? request.nullableString() : null;
    const protocolType = request.string();
    const protocols = request.array(() => ({
      name: request.string(),
      // Kept as long as the member: a view would keep the whole request.
      metadata: Buffer.from(request.bytes()),
    }));
    const member = {
      memberId,
      groupInstanceId,
      sessionTimeoutMs,
      rebalanceTimeoutMs,
      protocolType,
      protocols,
    };
    const failed = { generation: -1, protocolName: '', leaderId: '', memberId, members: [] };
    const injected = call.injectedError();
    if (injected !== errorCode.NONE) {
      write(call, injected, failed);
      return 'respond';
    }
    try {
      const result = await call.broker.groups.join(groupId, call.clientId, member, call.signal);
      write(call, errorCode.NONE, result);
    } catch (error) {
      write(call, answerCode(error), failed);
    }
    return 'respond';
  },
};

function write({ version, response }: Call, error: number, result: JoinResult): void {
  if (version >= 2) response.int32(0);
  response.int16(error);
  response.int32(result.generation);
  response.string(result.protocolName);
  response.string(result.leaderId);
  response.string(result.memberId);
  response.array(result.members, (member) => {
    response.string(member.id);
    if (version >= 5) response.nullableString(member.groupInstanceId);
    response.bytes(member.metadata);
  });
}
