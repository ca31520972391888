import { answerCode, errorCode } from '../wire/error-code.ts';
import { type Api, type Call, neverFlexible, type Outcome } from './api.ts';

/**
 * SyncGroup (14), versions 0 to 3: the leader brings the assignment of every member, each member gets its own.
 *
 *     Request  => group_id STRING, generation_id INT32, member_id STRING, group_instance_id STRING? v3+,
 *                 [member_id STRING, assignment BYTES]
 *     Response => throttle_time_ms INT32 v1+, error_code INT16, assignment BYTES
 */
export const syncGroupApi: Api = {
  versionMin: 0,
  versionMax: 3,
  flexibleFrom: neverFlexible,
  async handle(call): Promise<Outcome> {
    const { version, request } = call;
    const groupId = request.string();
    const generation = request.int32();
    const memberId = request.string();
    if (version >= 3) request.nullableString();
    const assignments = new Map(
      request.array(() => [request.string(), Buffer.from(request.bytes())] as const),
    );
    const injected = call.injectedError();
    if (injected !== errorCode.NONE) {
      write(call, injected, Buffer.alloc(0));
      return 'respond';
    }
    try {
      const { groups } = call.broker;
      const assignment = await groups.sync(groupId, memberId, generation, assignments, call.signal);
      write(call, errorCode.NONE, assignment);
    } catch (error) {
      write(call, answerCode(error), Buffer.alloc(0));
    }
    return 'respond';
  },
};

function write({ version, response }: Call, error: number, assignment: Buffer): void {
  if (version >= 1) response.int32(0);
  response.int16(error);
  response.bytes(assignment);
}
