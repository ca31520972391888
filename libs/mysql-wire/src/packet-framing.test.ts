import { isMillraceError } from '@millrace/errors/millrace-error';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChunkPool } from './chunk-pool.ts';
import { PacketStream } from './packet-stream.ts';
import { PacketWriter } from './packet-writer.ts';
import { frameBytesMax } from './protocol-constants.ts';

const limit = 100 * 1024 * 1024;

function frame(payloads: readonly Uint8Array[]): Buffer {
  const writer = new PacketWriter(new ChunkPool(1));
  for (const payload of payloads) {
    writer.sequence = 0;
    writer.startPacket();
    writer.bytes(payload);
    writer.endPacket();
  }
  return writer.take().bytes;
}

describe('PacketStream', () => {
  it('gives back what PacketWriter framed, however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 20 }),
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 10 }),
        (payloads, cuts) => {
          const bytes = frame(payloads);
          const stream = new PacketStream(limit);
          const found: Buffer[] = [];
          let cut = 0;
          for (let start = 0; start < bytes.length; cut += 1) {
            const end = start + (cuts[cut % cuts.length] ?? 1);
            stream.push(Buffer.from(bytes.subarray(start, end)));
            start = end;
            // Taken now and then only, so that packets pile up; compared at the end, so that overwritten ones show.
            for (let next = cut % 3 === 0 ? undefined : stream.next(0); next; next = stream.next(0))
              found.push(next);
          }
          for (let next = stream.next(0); next; next = stream.next(0)) found.push(next);
          expect(found.map((payload) => payload.toString('hex'))).toEqual(
            payloads.map((payload) => Buffer.from(payload).toString('hex')),
          );
          expect(stream.bufferedBytes).toBe(0);
        },
      ),
    );
  });

  it.each([frameBytesMax - 1, frameBytesMax, frameBytesMax + 1, 2 * frameBytesMax, 2 * frameBytesMax + 77])(
    'splits and joins a payload of %i bytes',
    (length) => {
      const payload = Buffer.alloc(length);
      for (let index = 0; index < length; index += 4093) payload[index] = index % 251;
      const bytes = frame([payload, Buffer.from('next')]);
      const frames = Math.floor(length / frameBytesMax) + 1;
      expect(bytes.length).toBe(length + 4 * frames + 8);
      const stream = new PacketStream(limit);
      for (let start = 0; start < bytes.length; start += 1_000_000) {
        stream.push(bytes.subarray(start, start + 1_000_000));
      }
      expect(stream.next(0)?.equals(payload)).toBe(true);
      expect(stream.sequenceNext).toBe(frames);
      expect(stream.next(0)?.toString()).toBe('next');
    },
  );

  it('refuses a wrong sequence id', () => {
    const stream = new PacketStream(limit);
    stream.push(Buffer.from([1, 0, 0, 3, 9]));
    expect(() => stream.next(0)).toThrow(expect.objectContaining({ code: 'PACKET_MALFORMED' }));
  });

  it('refuses a packet over the limit by its header alone', () => {
    const stream = new PacketStream(1000);
    stream.push(Buffer.from([0xe9, 0x03, 0, 0]));
    expect(() => stream.next(0)).toThrow(expect.objectContaining({ code: 'PACKET_TOO_LARGE' }));
  });

  it('counts joined frames against the limit', () => {
    const stream = new PacketStream(frameBytesMax + 10);
    stream.push(frame([Buffer.alloc(frameBytesMax + 11)]).subarray(0, frameBytesMax + 8));
    let error: unknown;
    try {
      stream.next(0);
    } catch (caught) {
      error = caught;
    }
    expect(isMillraceError(error, 'PACKET_TOO_LARGE')).toBe(true);
    expect(stream.sequenceNext).toBe(2);
  });
});

describe('PacketWriter', () => {
  it('removes an abandoned packet and keeps those before it', () => {
    const writer = new PacketWriter(new ChunkPool(1));
    writer.startPacket();
    writer.text('kept');
    writer.endPacket();
    writer.startPacket();
    writer.text('dropped');
    writer.abandonPacket();
    expect(writer.take().bytes.toString('latin1')).toBe('\x04\x00\x00\x00kept');
  });

  it('writes length-encoded texts of any length and script', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        const writer = new PacketWriter(new ChunkPool(1));
        writer.lengthEncodedText(text);
        const bytes = Buffer.from(text);
        const prefix = bytes.length < 251 ? [bytes.length] : [0xfc, bytes.length & 0xff, bytes.length >> 8];
        expect(writer.take().bytes).toEqual(Buffer.concat([Buffer.from(prefix), bytes]));
      }),
    );
  });

  it('takes its buffers from the pool and leaves them there', () => {
    const pool = new ChunkPool(1);
    const writer = new PacketWriter(pool);
    writer.u8(1);
    const first = writer.take().chunk;
    pool.release(first);
    writer.u8(2);
    expect(writer.take().chunk).toBe(first);
  });
});
