import { once } from 'node:events';
import { connect } from 'node:net';
import { isMillraceError } from '@millrace/errors/millrace-error';
import { encodeRecordBatch } from '@millrace/kafka/record-batch-encoder';
import type { Logger } from '@millrace/runtime/logger';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { apiKeys } from './apis/api-name.ts';
import { findApi } from './apis/api-table.ts';
import { startBroker } from './testing/broker-fixture.ts';
import { rawRequest } from './testing/raw-client.ts';

const batch = encodeRecordBatch({ baseOffset: 0n, records: [{ value: 'v' }] });

function int(bytes: 2 | 4 | 8, value: number): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigInt64BE(BigInt(value));
  return buffer.subarray(8 - bytes);
}

const small = fc.integer({ min: -2, max: 4 });

/** Pieces of which requests are made, so that random ones get past the first field. */
const piece = fc.oneof(
  small.map((value) => int(2, value)),
  small.map((value) => int(4, value)),
  small.map((value) => int(8, value)),
  fc.constant(Buffer.from([0, 1, 116])),
  fc.constant(Buffer.from([2, 116])),
  fc.constant(Buffer.from([0, 0, 0, 1, 0, 1, 116, 0, 0, 0, 1, 0, 0, 0, 0])),
  fc.constant(Buffer.concat([int(4, batch.length), batch])),
  fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
);

const request = fc
  .record({
    key: fc.constantFrom(...Object.values(apiKeys)),
    version: fc.nat({ max: 15 }),
    body: fc.array(piece, { maxLength: 16 }),
  })
  .map(({ key, version, body }) => {
    const api = findApi(key)?.api;
    const { versionMin = 0, versionMax = 0, flexibleFrom = 0 } = api ?? {};
    const offered = versionMin + (version % (versionMax - versionMin + 1));
    const tags = offered >= flexibleFrom ? [Buffer.from([0])] : [];
    return Buffer.concat([int(2, key), int(2, offered), int(4, 7), int(2, -1), ...tags, ...body]);
  });

/** A logger that keeps the errors the broker reports. */
function errorCollector(errors: unknown[]): Logger {
  const collect = (_message: string, fields?: Readonly<Record<string, unknown>>) => {
    errors.push(fields?.['error']);
  };
  const logger: Logger = {
    debug: () => {},
    info: () => {},
    warn: collect,
    error: collect,
    child: () => logger,
  };
  return logger;
}

describe('DevBroker', () => {
  it('survives every request, well-formed or not, and knows why it closes a connection', async () => {
    const errors: unknown[] = [];
    const broker = await startBroker({ logger: errorCollector(errors) });
    await broker.createTopic('t', 2);
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 4 }), async (requests) => {
        const socket = connect(broker.port, '127.0.0.1');
        socket.on('error', () => {});
        socket.resume();
        socket.end(Buffer.concat(requests.flatMap((each) => [int(4, each.length), each])));
        await once(socket, 'close');
        expect(errors.filter((error) => !isMillraceError(error, 'PACKET_MALFORMED'))).toEqual([]);
      }),
      { numRuns: 1500 },
    );
    expect(errors.length).toBeGreaterThan(0);
    expect((await rawRequest(broker.port, apiKeys.ApiVersions, 0, () => {})).int16()).toBe(0);
  });
});
