import { createHash } from 'node:crypto';
import { isMillraceError } from '@millrace/errors/millrace-error';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChunkPool } from './chunk-pool.ts';
import { parseChangeUser, parseHandshakeResponse, writeGreeting } from './handshake.ts';
import { checkNativePassword, scrambleFrom, storedHashOf } from './native-password.ts';
import { PacketWriter } from './packet-writer.ts';
import { announcedCapabilities, capability } from './protocol-constants.ts';

const baseFlags = capability.protocol41 | capability.secureConnection;
const allFlags =
  baseFlags |
  capability.pluginAuth |
  capability.authLengthEncoded |
  capability.connectWithDatabase |
  capability.connectAttributes;

function written(write: (writer: PacketWriter) => void): Buffer {
  const writer = new PacketWriter(new ChunkPool(1));
  write(writer);
  return writer.take().bytes;
}

function response(flags: number): Buffer {
  return written((writer) => {
    writer.u32(flags);
    writer.u32(2 ** 24);
    writer.u8(45);
    writer.zeros(23);
    writer.nulTerminatedText('zoë');
    writer.u8(20);
    writer.bytes(Buffer.alloc(20, 7));
    if (flags & capability.connectWithDatabase) writer.nulTerminatedText('adtech');
    if (flags & capability.pluginAuth) writer.nulTerminatedText('mysql_native_password');
    if (flags & capability.connectAttributes) {
      writer.u8(14);
      writer.lengthEncodedText('_pid');
      writer.lengthEncodedText('12345678');
    }
  });
}

describe('handshake', () => {
  it('greets as protocol 10 with the scramble in two parts', () => {
    const scramble = scrambleFrom(Buffer.from(Array.from({ length: 20 }, (_, index) => index * 13)));
    const bytes = written((writer) =>
      writeGreeting(writer, { serverVersion: '5.7.32', connectionId: 0x1_0000_0007n, scramble, tls: false }),
    );
    expect(bytes[0]).toBe(10);
    expect(bytes.toString('latin1', 1, 8)).toBe('5.7.32\0');
    expect(bytes.readUInt32LE(8)).toBe(7);
    expect(Buffer.concat([bytes.subarray(12, 20), bytes.subarray(39, 51)])).toEqual(scramble);
    const flags = bytes.readUInt16LE(21) | (bytes.readUInt16LE(26) << 16);
    expect(flags).toBe(announcedCapabilities);
    // CLIENT_SSL, CLIENT_COMPRESS and CLIENT_DEPRECATE_EOF
    expect(flags & (0x0800 | 0x0020 | 0x0100_0000)).toBe(0);
    expect(bytes[23]).toBe(33);
    expect(bytes.toString('latin1', 51)).toBe('\0mysql_native_password\0');
  });

  it('reads every optional field by the flags of the client', () => {
    expect(parseHandshakeResponse(response(allFlags))).toEqual({
      capabilities: allFlags,
      collation: 45,
      user: 'zoë',
      authAnswer: Buffer.alloc(20, 7),
      authPlugin: 'mysql_native_password',
      database: 'adtech',
      attributes: new Map([['_pid', '12345678']]),
    });
    expect(parseHandshakeResponse(response(baseFlags))).toMatchObject({
      user: 'zoë',
      authPlugin: '',
      database: undefined,
    });
  });

  it('reads a truncated response or refuses it as malformed, nothing else', () => {
    const whole = response(allFlags);
    for (let length = 0; length < whole.length; length += 1) {
      const outcome = outcomeOf(() => parseHandshakeResponse(whole.subarray(0, length)));
      expect(outcome === 'read' || outcome === 'malformed', `at ${length}: ${outcome}`).toBe(true);
    }
    expect(outcomeOf(() => parseHandshakeResponse(whole.subarray(0, 40)))).toBe('malformed');
  });

  it('never fails otherwise on random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.boolean(), (bytes, changeUser) => {
        const payload = Buffer.from(bytes);
        if (payload.length > 1) payload[1] = (payload[1] ?? 0) | 0x02;
        const outcome = outcomeOf(() =>
          changeUser ? parseChangeUser(payload, allFlags) : parseHandshakeResponse(payload),
        );
        expect(['read', 'malformed']).toContain(outcome);
      }),
      { numRuns: 2000 },
    );
  });

  it('refuses clients before 4.1 and TLS requests', () => {
    expect(outcomeOf(() => parseHandshakeResponse(response(capability.secureConnection)))).toBe('malformed');
    const tlsRequest = written((writer) => {
      writer.u32(baseFlags | capability.tls);
      writer.u32(0);
      writer.u8(33);
      writer.zeros(23);
    });
    expect(() => parseHandshakeResponse(tlsRequest)).toThrow(
      expect.objectContaining({ detail: expect.stringContaining('TLS') }),
    );
  });
});

describe('mysql_native_password', () => {
  const scramble = scrambleFrom(Buffer.alloc(20, 200));
  const sha1 = (...parts: Uint8Array[]): Buffer =>
    parts.reduce((hash, part) => hash.update(part), createHash('sha1')).digest();
  const answerTo = (password: string): Buffer => {
    const hash = sha1(Buffer.from(password));
    const mask = sha1(scramble, sha1(hash));
    return hash.map((byte, index) => byte ^ (mask[index] ?? 0)) as Buffer;
  };

  it('accepts the right password only', () => {
    expect(checkNativePassword(answerTo('secret'), scramble, storedHashOf('secret'))).toBe(true);
    expect(checkNativePassword(answerTo('Secret'), scramble, storedHashOf('secret'))).toBe(false);
    expect(checkNativePassword(Buffer.alloc(19), scramble, storedHashOf('secret'))).toBe(false);
  });

  it('wants an empty answer for an empty password', () => {
    expect(checkNativePassword(Buffer.alloc(0), scramble, storedHashOf(''))).toBe(true);
    expect(checkNativePassword(answerTo('x'), scramble, storedHashOf(''))).toBe(false);
    expect(checkNativePassword(Buffer.alloc(0), scramble, storedHashOf('secret'))).toBe(false);
  });

  it('makes scrambles without NUL and $', () => {
    const all = Array.from({ length: 256 }, (_, byte) => byte);
    for (let start = 0; start + 20 <= 256; start += 20) {
      const made = scrambleFrom(Uint8Array.from(all.slice(start, start + 20)));
      expect(made.every((byte) => byte > 0x24 && byte < 0x80)).toBe(true);
    }
  });
});

function outcomeOf(parse: () => unknown): string {
  try {
    parse();
    return 'read';
  } catch (error) {
    return isMillraceError(error, 'PACKET_MALFORMED') ? 'malformed' : String(error);
  }
}
