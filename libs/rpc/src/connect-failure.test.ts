import { describe, expect, it } from 'vitest';
import { connectFailureOf, tlsFailureOf } from './connect-failure.ts';

const wrap = (last: string) => `No connection established. Last error: ${last}. Resolution note: `;

describe('a connection that does not come about', () => {
  it.each([
    ['Error: connect ECONNREFUSED 127.0.0.1:1', 'connect ECONNREFUSED 127.0.0.1:1', false],
    ['Failed to connect (2026-11-28T19:01:58.077Z)', /^it closed the connection at once/, true],
    ['Protocol error (2026-11-28T19:01:58.077Z)', /^it does not speak gRPC/, true],
    ['Error: TLS failed: it does not speak TLS', 'TLS failed: it does not speak TLS', true],
    [
      '40ED:error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:../ssl/rec.c:918:SSL alert number 116',
      'it does not accept the certificate shown: certificate required',
      true,
    ],
  ])('%j', (last, text, refused) => {
    const failure = connectFailureOf(wrap(last));
    expect(failure?.text).toEqual(typeof text === 'string' ? text : expect.stringMatching(text));
    expect(failure?.refused).toBe(refused);
  });

  it('is not read into other texts', () => {
    expect(connectFailureOf('Connection dropped')).toBeUndefined();
  });

  it('keeps errors of the network as they are', () => {
    const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
    expect(tlsFailureOf(reset)).toBe(reset);
    const expired = Object.assign(new Error('certificate has expired'), { code: 'CERT_HAS_EXPIRED' });
    expect(tlsFailureOf(expired).message).toBe(
      'TLS failed: its certificate is not accepted: certificate has expired',
    );
  });
});
