import { answerCode, errorCode } from '../wire/error-code.ts';
import { type Api, neverFlexible } from './api.ts';

/**
 * Heartbeat (12), versions 0 to 3.
 *
 *     Request  => group_id STRING, generation_id INT32, member_id STRING, group_instance_id STRING? v3+
 *     Response => throttle_time_ms INT32 v1+, error_code INT16
 */
export const heartbeatApi: Api = {
  versionMin: 0,
  versionMax: 3,
  flexibleFrom: neverFlexible,
  handle({ broker, version, request, response, injectedError }) {
    const groupId = request.string();
    const generation = request.int32();
    const memberId = request.string();
    let error = injectedError();
    try {
      if (error === errorCode.NONE) broker.groups.heartbeat(groupId, memberId, generation);
    } catch (failure) {
      error = answerCode(failure);
    }
    if (version >= 1) response.int32(0);
    response.int16(error);
    return 'respond';
  },
};
