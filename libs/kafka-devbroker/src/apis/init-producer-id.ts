import { errorCode } from '../wire/error-code.ts';
import { type Api, neverFlexible, type Outcome } from './api.ts';

/**
 * InitProducerId (22), versions 0 to 1: an id for an idempotent producer. Transactional ids are refused.
 *
 *     Request  => transactional_id STRING?, transaction_timeout_ms INT32
 *     Response => throttle_time_ms INT32, error_code INT16, producer_id INT64, producer_epoch INT16
 */
export const initProducerIdApi: Api = {
  versionMin: 0,
  versionMax: 1,
  flexibleFrom: neverFlexible,
  async handle({ broker, request, response, injectedError }): Promise<Outcome> {
    const transactionalId = request.nullableString();
    request.int32();
    const error = transactionalId === null ? injectedError() : errorCode.INVALID_REQUEST;
    const granted = error === errorCode.NONE;
    const producerId = granted ? await broker.producerIds.next() : -1n;
    response.int32(0);
    response.int16(error);
    response.int64(producerId);
    response.int16(granted ? 0 : -1);
    return 'respond';
  },
};
