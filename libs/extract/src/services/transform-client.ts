import type { RunRequest, TransformClient } from '@millrace/proto/millrace/transform/v1/transform';
import { type ChannelPool, callBidirectional } from '@millrace/rpc/client';
import type { RunTransform } from '../transform/transform-run.ts';

/** Runs transform programs through `Transform.Run` of the runner at `address`. */
export function transformClient(runners: ChannelPool<TransformClient>, address: string): RunTransform {
  return async function* run(program, stdin, signal) {
    const client = runners.get(address);
    async function* requests(): AsyncGenerator<RunRequest> {
      const limits = { timeLimitMs: 0, outputLimitBytes: 0n, memoryLimitBytes: 0n };
      yield { part: { $case: 'header', header: { ...program, ...limits } } };
      for await (const chunk of stdin) yield { part: { $case: 'stdin', stdin: chunk } };
    }
    for await (const { part } of callBidirectional(client, client.run, requests(), { signal })) {
      if (part?.$case === 'stdout') {
        yield { kind: 'stdout', bytes: bufferOf(part.stdout) };
      } else if (part?.$case === 'exited') {
        const { exitCode, stderr } = part.exited;
        yield { kind: 'exited', exitCode, stderr: bufferOf(stderr).toString('utf8') };
      }
    }
  };
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
