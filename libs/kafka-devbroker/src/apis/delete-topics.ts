import { answerCode, errorCode } from '../wire/error-code.ts';
import { type Api, type Call, neverFlexible, type Outcome } from './api.ts';

/**
 * DeleteTopics (20), versions 0 to 3: data, and what groups have committed for the topic, are gone at once.
 *
 *     Request  => [name STRING], timeout_ms INT32
 *     Response => throttle_time_ms INT32 v1+, [name STRING, error_code INT16]
 */
export const deleteTopicsApi: Api = {
  versionMin: 0,
  versionMax: 3,
  flexibleFrom: neverFlexible,
  async handle(call): Promise<Outcome> {
    const { version, request, response } = call;
    const names = request.array(() => request.string());
    request.int32();
    const answers: { name: string; error: number }[] = [];
    for (const name of names) answers.push({ name, error: await remove(call, name) });
    if (version >= 1) response.int32(0);
    response.array(answers, ({ name, error }) => {
      response.string(name);
      response.int16(error);
    });
    return 'respond';
  },
};

async function remove({ broker, injectedError }: Call, name: string): Promise<number> {
  const injected = injectedError(name);
  if (injected !== errorCode.NONE) return injected;
  try {
    await broker.topics.delete(name);
    broker.groups.offsets.forgetTopic(name);
    return errorCode.NONE;
  } catch (error) {
    return answerCode(error);
  }
}
