import { answerCode, errorCode } from '../wire/error-code.ts';
import { type Api, type Call, neverFlexible } from './api.ts';

/**
 * LeaveGroup (13), versions 0 to 3.
 *
 *     Request  => group_id STRING, member_id STRING v0-v2, [member_id STRING, group_instance_id STRING?] v3+
 *     Response => throttle_time_ms INT32 v1+, error_code INT16,
 *                 [member_id STRING, group_instance_id STRING?, error_code INT16] v3+
 */
export const leaveGroupApi: Api = {
  versionMin: 0,
  versionMax: 3,
  flexibleFrom: neverFlexible,
  handle(call) {
    const { version, request, response } = call;
    const groupId = request.string();
    const single = version < 3;
    const members = single
      ? [{ memberId: request.string(), instanceId: null }]
      : request.array(() => ({ memberId: request.string(), instanceId: request.nullableString() }));
    const injected = call.injectedError();
    const answers = members.map((member) => ({
      ...member,
      error: injected === errorCode.NONE ? leave(call, groupId, member.memberId) : injected,
    }));
    if (version >= 1) response.int32(0);
    response.int16(single ? (answers[0]?.error ?? errorCode.NONE) : injected);
    if (single) return 'respond';
    response.array(answers, ({ memberId, instanceId, error }) => {
      response.string(memberId);
      response.nullableString(instanceId);
      response.int16(error);
    });
    return 'respond';
  },
};

function leave({ broker }: Call, groupId: string, memberId: string): number {
  try {
    broker.groups.leave(groupId, memberId);
    return errorCode.NONE;
  } catch (error) {
    return answerCode(error);
  }
}
