import { MillraceError } from '@millrace/errors/millrace-error';
import {
  type RunRequest,
  type RunResponse,
  TransformService,
} from '@millrace/proto/millrace/transform/v1/transform';
import { Handlers } from '@millrace/rpc/handlers';
import { RpcServer } from '@millrace/rpc/server';
import { silentLogger } from '@millrace/runtime/logger';

/** A transform-runner whose programs are functions: the executable's name picks one. */
export class FakeRunner {
  address = '';
  /** From each frame to a line. */
  readonly programs: Record<string, (frame: Buffer) => string> = {};
  readonly #server: RpcServer;

  constructor() {
    const handlers = new Handlers('transform-runner fake', silentLogger);
    const run = handlers.bidirectional<RunRequest, RunResponse>((requests) => this.#run(requests));
    this.#server = new RpcServer({
      host: '127.0.0.1',
      port: 0,
      logger: silentLogger,
      services: [{ definition: TransformService, implementation: { run } }],
    });
  }

  async start(): Promise<void> {
    this.address = `127.0.0.1:${await this.#server.start()}`;
  }

  stop(): void {
    this.#server.stop();
  }

  async *#run(requests: AsyncIterable<RunRequest>): AsyncGenerator<RunResponse> {
    let program: ((frame: Buffer) => string) | undefined;
    let input: Buffer = Buffer.alloc(0);
    // As the runner does: leaving the loop by an error must not end the call before the error is sent.
    const reader = requests[Symbol.asyncIterator]();
    for (let next = await reader.next(); next.done !== true; next = await reader.next()) {
      const { part } = next.value;
      if (part?.$case === 'header') {
        program = this.programs[part.header.executable];
        continue;
      }
      if (part?.$case !== 'stdin' || program === undefined)
        throw new MillraceError('TRANSFORM_FAILED', 'no program');
      input = Buffer.concat([input, part.stdin]);
      while (input.length >= 8) {
        const end = 8 + Number(input.readBigUInt64LE(0));
        if (input.length < end) break;
        const line = Buffer.from(program(input.subarray(8, end)));
        // Cut inside lines, as a pipe may.
        const middle = Math.floor(line.length / 2);
        yield { part: { $case: 'stdout', stdout: line.subarray(0, middle) } };
        yield { part: { $case: 'stdout', stdout: line.subarray(middle) } };
        input = input.subarray(end);
      }
    }
    yield { part: { $case: 'exited', exited: { exitCode: 0, stderr: Buffer.alloc(0), stdoutBytes: 0n } } };
  }
}
