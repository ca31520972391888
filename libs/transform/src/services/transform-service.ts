import { MillraceError } from '@millrace/errors/millrace-error';
import {
  type RunHeader,
  type RunRequest,
  type RunResponse,
  type TransformServer,
  TransformService,
} from '@millrace/proto/millrace/transform/v1/transform';
import type { Handlers } from '@millrace/rpc/handlers';
import type { ServiceBinding } from '@millrace/rpc/server';
import type { ProcessPool } from '../process-pool.ts';
import { resolveProgram } from '../program.ts';
import type { TransformLimits } from '../transform-process.ts';
import { unframe } from '../unframe.ts';

/** The Transform service over a pool of processes; `limits` are the runner's own, which a call can only lower. */
export function transformService(
  pool: ProcessPool,
  limits: TransformLimits,
  handlers: Handlers,
): ServiceBinding {
  const implementation: TransformServer = {
    run: handlers.bidirectional((requests, { signal }) => run(pool, limits, requests, signal)),
  };
  return { definition: TransformService, implementation };
}

async function* run(
  pool: ProcessPool,
  limits: TransformLimits,
  requests: AsyncIterable<RunRequest>,
  signal: AbortSignal,
): AsyncGenerator<RunResponse> {
  const reader = requests[Symbol.asyncIterator]();
  const first = await reader.next();
  const header =
    first.done === true || first.value.part?.$case !== 'header' ? undefined : first.value.part.header;
  if (header === undefined)
    throw new MillraceError('PACKET_MALFORMED', 'a transform run begins with its header');
  const program = await resolveProgram(header);
  const used = await pool.acquire(program, signal);
  let succeeded = false;
  try {
    const input = program.framed ? stdinOf(reader) : unframe(stdinOf(reader));
    const output = used.run(input, lowered(limits, header), signal);
    for (;;) {
      const next = await output.next();
      if (next.done === true) {
        succeeded = true;
        const { exitCode, stderr, stdoutBytes } = next.value;
        const exited = { exitCode, stderr: Buffer.from(stderr), stdoutBytes: BigInt(stdoutBytes) };
        yield { part: { $case: 'exited', exited } };
        return;
      }
      yield { part: { $case: 'stdout', stdout: Buffer.from(next.value) } };
    }
  } finally {
    pool.release(program, used, succeeded);
  }
}

async function* stdinOf(reader: AsyncIterator<RunRequest>): AsyncGenerator<Uint8Array> {
  for (;;) {
    const next = await reader.next();
    if (next.done === true) return;
    if (next.value.part?.$case === 'stdin') yield next.value.part.stdin;
  }
}

function lowered(limits: TransformLimits, header: RunHeader): TransformLimits {
  const lower = (own: number, asked: number) => (asked > 0 ? Math.min(own, asked) : own);
  return {
    timeMsMax: lower(limits.timeMsMax, header.timeLimitMs),
    outputBytesMax: lower(limits.outputBytesMax, Number(header.outputLimitBytes)),
    memoryBytesMax: lower(limits.memoryBytesMax, Number(header.memoryLimitBytes)),
  };
}
