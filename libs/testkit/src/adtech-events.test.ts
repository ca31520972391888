import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AdtechEvents, adtechColumns, adtechEventBytesMax, adtechUserIdMax } from './adtech-events.ts';

type Event = Record<(typeof adtechColumns)[number], string | number>;

function read(events: AdtechEvents, count: number): Event[] {
  return Array.from({ length: count }, () => JSON.parse(events.next().toString()) as Event);
}

describe('AdtechEvents', () => {
  it('gives equal events for equal seeds and others for other seeds', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer(), (seed, otherSeed) => {
        fc.pre(seed !== otherSeed);
        expect(read(new AdtechEvents(seed), 20)).toEqual(read(new AdtechEvents(seed), 20));
        expect(read(new AdtechEvents(seed), 20)).not.toEqual(read(new AdtechEvents(otherSeed), 20));
      }),
    );
  });

  it('never changes the events of a seed', () => {
    expect(new AdtechEvents(1).next().toString()).toMatchInlineSnapshot(
      `"{"user_id":78645,"event_name":"Impression","advertiser":"Cornerbank","campaign":35,"gender":"Female","income":"25k-50k","page_url":"/tech/248","region":"England","country":"GB"}"`,
    );
  });

  it('writes JSON objects with the columns in order, whole and within the bounds', () => {
    for (const event of read(new AdtechEvents(7), 5000)) {
      expect(Object.keys(event)).toEqual([...adtechColumns]);
      expect(event.user_id).toBeGreaterThanOrEqual(1);
      expect(event.user_id).toBeLessThanOrEqual(adtechUserIdMax);
      expect(Number(event.campaign)).toBeLessThan(32_768);
    }
  });

  it('writes events one behind the other into a buffer', () => {
    const separate = new AdtechEvents(3);
    const packed = new AdtechEvents(3);
    const buffer = Buffer.alloc(100 * adtechEventBytesMax);
    let end = 0;
    for (let count = 0; count < 100; count += 1) {
      const start = end;
      end = packed.write(buffer, start);
      const event = separate.next();
      expect(buffer.subarray(start, end)).toEqual(event);
      expect(packed.userId).toBe((JSON.parse(event.toString()) as Event).user_id);
    }
  });

  it('has events of about 170 bytes', () => {
    const events = new AdtechEvents(11);
    const sizes = Array.from({ length: 20_000 }, () => events.next().length);
    const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
    expect(mean).toBeGreaterThan(165);
    expect(mean).toBeLessThan(175);
    expect(Math.max(...sizes)).toBeLessThan(adtechEventBytesMax);
  });

  it('keeps a person the same in every event, and skews the rest', () => {
    const seen = read(new AdtechEvents(5), 50_000);
    const people = new Map<unknown, string>();
    for (const { user_id, gender, income, region, country } of seen) {
      const person = [gender, income, region, country].join();
      expect(people.get(user_id) ?? person).toBe(person);
      people.set(user_id, person);
    }
    const share = (name: string) => seen.filter((event) => event.event_name === name).length / seen.length;
    expect(share('Impression')).toBeCloseTo(0.9, 1);
    expect(share('Click')).toBeCloseTo(0.08, 1);
    expect(share('Conversion')).toBeGreaterThan(0);
    expect(new Set(seen.map((event) => event.advertiser)).size).toBe(10);
  });
});
