import { connect } from 'node:net';
import { FrameBuffer } from '../frame-buffer.ts';
import { WireReader } from '../wire/wire-reader.ts';
import { WireWriter } from '../wire/wire-writer.ts';

/**
 * For tests: sends one request of a version without flexible encodings over its own connection and returns the response
 * behind its header. Rejects if the broker closes the connection instead.
 */
export async function rawRequest(
  port: number,
  apiKey: number,
  version: number,
  writeBody: (request: WireWriter) => void,
): Promise<WireReader> {
  const request = new WireWriter();
  request.int16(apiKey);
  request.int16(version);
  request.int32(1);
  request.nullableString('raw');
  writeBody(request);
  const socket = connect(port, '127.0.0.1');
  try {
    socket.write(Buffer.concat(request.frame()));
    const frames = new FrameBuffer(1 << 26);
    for await (const chunk of socket) {
      frames.push(chunk as Buffer);
      const frame = frames.next();
      if (frame === undefined) continue;
      const response = new WireReader(frame);
      response.int32();
      return response;
    }
    throw new Error('the broker closed the connection');
  } finally {
    socket.destroy();
  }
}
