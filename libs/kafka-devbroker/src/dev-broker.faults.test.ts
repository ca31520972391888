import { once } from 'node:events';
import { appendFile, cp } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { encodeRecordBatch } from '@millrace/kafka/record-batch-encoder';
import { Partitioners } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import type { DevBroker } from './dev-broker.ts';
import { kafkaClient, startBroker, temporaryDataDir } from './testing/broker-fixture.ts';
import { rawRequest } from './testing/raw-client.ts';
import { errorCode } from './wire/error-code.ts';
import { WireWriter } from './wire/wire-writer.ts';

/** Writes a produce request of version 3 with one batch for partition 0 of `t`. */
function writeProduce(request: WireWriter, acks: number, records: number): void {
  const values = Array.from({ length: records }, () => ({ value: 'v' }));
  request.nullableString(null);
  request.int16(acks);
  request.int32(1000);
  request.array(['t'], (topic) => {
    request.string(topic);
    request.array([0], (partition) => {
      request.int32(partition);
      request.bytes(encodeRecordBatch({ baseOffset: 0n, records: values }));
    });
  });
}

/** Produces one batch of `records` records to partition 0 of `t` and returns the error code. */
async function produce(broker: DevBroker, records = 1): Promise<number> {
  const response = await rawRequest(broker.port, 0, 3, (request) => writeProduce(request, -1, records));
  return response.array(() => {
    response.string();
    return response.array(() => {
      response.int32();
      const error = response.int16();
      response.int64();
      response.int64();
      return error;
    });
  })[0]?.[0] as number;
}

interface Fetched {
  readonly error: number;
  readonly highWatermark: bigint;
  readonly records: Buffer;
}

async function fetch(broker: DevBroker, offset: bigint, waitMs = 0, bytesMin = 1): Promise<Fetched> {
  const response = await rawRequest(broker.port, 1, 4, (request) => {
    request.int32(-1);
    request.int32(waitMs);
    request.int32(bytesMin);
    request.int32(1 << 20);
    request.int8(0);
    request.array(['t'], (topic) => {
      request.string(topic);
      request.array([0], (partition) => {
        request.int32(partition);
        request.int64(offset);
        request.int32(1 << 20);
      });
    });
  });
  response.int32();
  const [topic] = response.array(() => {
    response.string();
    return response.array(() => {
      response.int32();
      const error = response.int16();
      const highWatermark = response.int64();
      response.int64();
      response.nullableArray(() => undefined);
      return { error, highWatermark, records: Buffer.from(response.nullableBytes() ?? []) };
    });
  });
  return topic?.[0] as Fetched;
}

async function brokerWithTopic(): Promise<DevBroker> {
  const broker = await startBroker();
  await broker.createTopic('t', 2);
  return broker;
}

describe('DevBroker faults', () => {
  it('answers an error for the partition and as often as the rule says', async () => {
    const broker = await brokerWithTopic();
    const rule = {
      api: 'Produce',
      effect: { kind: 'error', error: 'NOT_LEADER_OR_FOLLOWER', topic: 't' },
    } as const;
    broker.faults.add({ ...rule, effect: { ...rule.effect, partition: 1 } });
    expect(await produce(broker)).toBe(errorCode.NONE);
    const handle = broker.faults.add({ ...rule, times: 2 });
    expect(await produce(broker)).toBe(errorCode.NOT_LEADER_OR_FOLLOWER);
    expect(await produce(broker)).toBe(errorCode.NOT_LEADER_OR_FOLLOWER);
    expect(await produce(broker)).toBe(errorCode.NONE);
    expect(handle.hits).toBe(2);
    expect((await fetch(broker, 0n)).highWatermark).toBe(2n);
  });

  it('drops a request before or after its work', async () => {
    const broker = await brokerWithTopic();
    for (const [lose, end] of [
      ['request', 0n],
      ['response', 1n],
    ] as const) {
      broker.faults.add({ api: 'Produce', times: 1, effect: { kind: 'drop', lose } });
      await expect(produce(broker)).rejects.toThrow('closed');
      expect((await fetch(broker, 0n)).highWatermark).toBe(end);
    }
  });

  it('repeats random faults with the seed', async () => {
    const outcomes = async (faultSeed: number) => {
      const broker = await startBroker({ faultSeed });
      await broker.createTopic('t', 1);
      broker.faults.add({
        api: 'Produce',
        probability: 0.5,
        effect: { kind: 'error', error: 'REQUEST_TIMED_OUT' },
      });
      const codes: number[] = [];
      for (let i = 0; i < 24; i++) codes.push(await produce(broker));
      return codes;
    };
    const first = await outcomes(7);
    expect(new Set(first)).toEqual(new Set([errorCode.NONE, errorCode.REQUEST_TIMED_OUT]));
    expect(await outcomes(7)).toEqual(first);
    expect(await outcomes(8)).not.toEqual(first);
  });

  it('holds a request back, and the connection still closes', async () => {
    const broker = await brokerWithTopic();
    const handle = broker.faults.add({ api: 'Produce', effect: { kind: 'delay', delayMs: 600_000 } });
    const hanging = expect(produce(broker)).rejects.toThrow('closed');
    await expect.poll(() => handle.hits).toBe(1);
    expect((await fetch(broker, 0n)).error).toBe(errorCode.NONE);
    await broker.stop();
    await hanging;
  });

  it('truncates, expires and corrupts stored records', async () => {
    const broker = await brokerWithTopic();
    for (let i = 0; i < 5; i++) await produce(broker, 10);
    expect(await broker.faults.truncate('t', 0, 35n)).toBe(30n);
    expect((await fetch(broker, 40n)).error).toBe(errorCode.OFFSET_OUT_OF_RANGE);
    expect(await broker.faults.advanceLogStart('t', 0, 10n)).toBe(10n);
    expect((await fetch(broker, 9n)).error).toBe(errorCode.OFFSET_OUT_OF_RANGE);
    const before = (await fetch(broker, 10n)).records;
    await broker.faults.corruptBatch('t', 0, 25n);
    const after = (await fetch(broker, 10n)).records;
    const changed = [...before.keys()].filter((i) => before[i] !== after[i]);
    expect(changed).toHaveLength(1);
    const batchBytes = before.length / 2;
    expect(changed[0]).toBeGreaterThanOrEqual(batchBytes + 21);
  });
});

describe('DevBroker fetch', () => {
  it('waits for records and answers as soon as enough are there', async () => {
    const broker = await brokerWithTopic();
    const waiting = fetch(broker, 0n, 30_000);
    await produce(broker, 3);
    expect(await waiting).toMatchObject({ error: 0, highWatermark: 3n });
    const more = fetch(broker, 3n, 30_000, 10_000);
    // About 7 KB each.
    await produce(broker, 800);
    await produce(broker, 800);
    expect((await more).highWatermark).toBe(1603n);
  });

  it('answers without records when the wait is over', async () => {
    const broker = await brokerWithTopic();
    expect(await fetch(broker, 0n, 30)).toMatchObject({
      error: 0,
      highWatermark: 0n,
      records: Buffer.alloc(0),
    });
  });

  it('ends a wait with an error when its partition is truncated', async () => {
    const broker = await brokerWithTopic();
    await produce(broker, 3);
    const waiting = fetch(broker, 3n, 30_000);
    // A second connection, answered, shows that the first is in place: both were opened in order.
    await fetch(broker, 0n);
    await broker.faults.truncate('t', 0, 0n);
    expect((await waiting).error).toBe(errorCode.OFFSET_OUT_OF_RANGE);
  });

  it('declines fetch sessions', async () => {
    const broker = await brokerWithTopic();
    const response = await rawRequest(broker.port, 1, 7, (request) => {
      for (const value of [-1, 0, 1, 1 << 20]) request.int32(value);
      request.int8(0);
      request.int32(77);
      request.int32(1);
      request.array([], () => {});
      request.array([], () => {});
    });
    response.int32();
    expect(response.int16()).toBe(errorCode.FETCH_SESSION_ID_NOT_FOUND);
    expect(response.int32()).toBe(0);
  });
});

describe('DevBroker connections', () => {
  it('answers an unknown version of ApiVersions in version 0 with what it offers', async () => {
    const broker = await startBroker();
    const response = await rawRequest(broker.port, 18, 99, () => {});
    expect(response.int16()).toBe(errorCode.UNSUPPORTED_VERSION);
    const offered = response.array(() => [response.int16(), response.int16(), response.int16()]);
    expect(offered).toContainEqual([18, 0, 3]);
    expect(response.remainingBytes).toBe(0);
  });

  it('answers pipelined requests in order', async () => {
    const broker = await brokerWithTopic();
    const socket = connect(broker.port, '127.0.0.1');
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    const count = 500;
    const requests: Buffer[] = [];
    for (let i = 0; i < count; i++) {
      const request = new WireWriter();
      request.int16(3);
      request.int16(1);
      request.int32(i);
      request.nullableString(null);
      request.int32(-1);
      requests.push(...request.frame());
    }
    socket.write(Buffer.concat(requests));
    const ids: number[] = [];
    await expect
      .poll(() => {
        let rest = Buffer.concat(chunks);
        ids.length = 0;
        while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
          ids.push(rest.readInt32BE(4));
          rest = rest.subarray(4 + rest.readInt32BE(0));
        }
        return ids.length;
      })
      .toBe(count);
    expect(ids).toEqual(Array.from({ length: count }, (_, i) => i));
    socket.destroy();
  });

  it('handles what a client sent before it closed', async () => {
    const broker = await brokerWithTopic();
    const requests: Buffer[] = [];
    for (let i = 0; i < 100; i++) {
      const request = new WireWriter();
      request.int16(0);
      request.int16(3);
      request.int32(i);
      request.nullableString(null);
      writeProduce(request, 0, 2);
      requests.push(...request.frame());
    }
    const socket = connect(broker.port, '127.0.0.1');
    socket.end(Buffer.concat(requests));
    await once(socket.resume(), 'close');
    expect((await fetch(broker, 0n)).highWatermark).toBe(200n);
  });

  it.each([
    ['text of another protocol', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['an unknown kind of request', Buffer.from([0, 0, 0, 10, 3, 231, 0, 0, 0, 0, 0, 1, 255, 255])],
    ['an unsupported version', Buffer.from([0, 0, 0, 10, 0, 1, 0, 99, 0, 0, 0, 1, 255, 255])],
    ['a request that is cut off', Buffer.from([0, 0, 0, 12, 0, 3, 0, 1, 0, 0, 0, 1, 255, 255, 0, 0])],
  ])('closes the connection on %s, and no other', async (_what, bytes) => {
    const broker = await brokerWithTopic();
    const kafka = kafkaClient(broker);
    const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
    await producer.connect();
    const socket = connect(broker.port, '127.0.0.1');
    socket.write(bytes);
    await once(socket, 'close');
    await producer.send({ topic: 't', messages: [{ value: 'still here' }] });
    await producer.disconnect();
  });

  it('finds everything again when it was not stopped', async () => {
    const dataDir = await temporaryDataDir();
    const running = await startBroker({ dataDir });
    await running.createTopic('t', 2);
    await produce(running, 10);
    const copy = join(await temporaryDataDir(), 'copy');
    await cp(dataDir, copy, { recursive: true });
    const log = join(copy, 'topics', 't', '0', '00000000000000000000.log');
    await appendFile(log, Buffer.from('a batch that was begun'));
    const recovered = await startBroker({ dataDir: copy });
    expect((await fetch(recovered, 0n)).records).toEqual((await fetch(running, 0n)).records);
    expect(await produce(recovered, 5)).toBe(errorCode.NONE);
    expect((await fetch(recovered, 0n)).highWatermark).toBe(15n);
  });

  it('holds its data directory alone', async () => {
    const dataDir = await temporaryDataDir();
    const first = await startBroker({ dataDir });
    await expect(startBroker({ dataDir })).rejects.toMatchObject({ code: 'DATA_DIR_LOCKED' });
    await expect(startBroker({ port: first.port })).rejects.toMatchObject({ code: 'OPTION_INVALID' });
    await first.stop();
    await startBroker({ dataDir });
  });
});
