import { answerCode, errorCode } from '../wire/error-code.ts';
import { type Api, type Call, neverFlexible, type Outcome } from './api.ts';

/**
 * CreatePartitions (37), versions 0 to 1: raises the number of partitions of topics.
 *
 *     Request  => [name STRING, count INT32, [broker_ids [INT32]] nullable], timeout_ms INT32, validate_only BOOLEAN
 *     Response => throttle_time_ms INT32, [name STRING, error_code INT16, error_message STRING?]
 */
export const createPartitionsApi: Api = {
  versionMin: 0,
  versionMax: 1,
  flexibleFrom: neverFlexible,
  async handle(call): Promise<Outcome> {
    const { request, response } = call;
    const topics = request.array(() => {
      const topic = { name: request.string(), count: request.int32() };
      request.nullableArray(() => request.array(() => request.int32()));
      return topic;
    });
    request.int32();
    const validateOnly = request.boolean();
    const answers: { name: string; error: number; message: string | null }[] = [];
    for (const { name, count } of topics) {
      answers.push({ name, ...(await extend(call, name, count, validateOnly)) });
    }
    response.int32(0);
    response.array(answers, ({ name, error, message }) => {
      response.string(name);
      response.int16(error);
      response.nullableString(message);
    });
    return 'respond';
  },
};

async function extend({ broker, injectedError }: Call, name: string, count: number, validateOnly: boolean) {
  try {
    const injected = injectedError(name);
    if (injected !== errorCode.NONE) return { error: injected, message: null };
    if (validateOnly) broker.topics.checkAddPartitions(name, count);
    else await broker.topics.addPartitions(name, count);
    return { error: errorCode.NONE, message: null };
  } catch (error) {
    return { error: answerCode(error), message: error instanceof Error ? error.message : null };
  }
}
