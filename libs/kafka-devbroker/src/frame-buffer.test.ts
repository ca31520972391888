import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameBuffer } from './frame-buffer.ts';

function framed(body: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length);
  return Buffer.concat([length, body]);
}

describe('FrameBuffer', () => {
  it('returns what was sent, however it is cut into chunks', () => {
    const bodies = fc.array(fc.uint8Array({ minLength: 10, maxLength: 60 }), { maxLength: 12 });
    fc.assert(
      fc.property(bodies, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sent, cuts) => {
        const stream = Buffer.concat(sent.map(framed));
        const frames = new FrameBuffer(100);
        const received: Buffer[] = [];
        for (let at = 0, i = 0; at < stream.length; i++) {
          const size = cuts[i % cuts.length] ?? 1;
          frames.push(stream.subarray(at, at + size));
          at += size;
          for (let frame = frames.next(); frame !== undefined; frame = frames.next()) received.push(frame);
        }
        expect(received.map((each) => each.toString('hex'))).toEqual(
          sent.map((each) => Buffer.from(each).toString('hex')),
        );
        expect(frames.bufferedBytes).toBe(0);
      }),
    );
  });

  it.each([
    [-1, 'PACKET_MALFORMED'],
    [9, 'PACKET_MALFORMED'],
    [101, 'PACKET_TOO_LARGE'],
    // "GET " of a client that speaks HTTP.
    [0x47455420, 'PACKET_TOO_LARGE'],
  ])('refuses a length of %i before the request is there', (length, code) => {
    const frames = new FrameBuffer(100);
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(length);
    frames.push(bytes);
    expect(() => frames.next()).toThrow(expect.objectContaining({ code }));
  });
});
