import { errorCode } from '../wire/error-code.ts';
import { type Api, neverFlexible } from './api.ts';

/**
 * FindCoordinator (10), versions 0 to 2: this node, for every group.
 *
 *     Request  => key STRING, key_type INT8 v1+
 *     Response => throttle_time_ms INT32 v1+, error_code INT16, error_message STRING? v1+, node_id INT32, host STRING,
 *                 port INT32
 *
 * `key_type` 1 asks for the coordinator of a transaction: refused with INVALID_REQUEST, which clients do not retry.
 */
export const findCoordinatorApi: Api = {
  versionMin: 0,
  versionMax: 2,
  flexibleFrom: neverFlexible,
  handle({ broker, version, address, request, response, injectedError }) {
    request.string();
    const transactional = version >= 1 && request.int8() !== 0;
    const error = transactional ? errorCode.INVALID_REQUEST : injectedError();
    const found = error === errorCode.NONE;
    if (version >= 1) response.int32(0);
    response.int16(error);
    if (version >= 1) {
      response.nullableString(transactional ? 'the development broker has no transactions' : null);
    }
    response.int32(found ? broker.nodeId : -1);
    response.string(found ? address.host : '');
    response.int32(found ? address.port : -1);
    return 'respond';
  },
};
