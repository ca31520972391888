import { type RandomBits, scramble, seededRandom } from './seeded-random.ts';
import { WeightedChoice } from './weighted-choice.ts';

/** The fields of an event, in the order in which they are written; columns of the demo's table. */
export const adtechColumns = [
  'user_id',
  'event_name',
  'advertiser',
  'campaign',
  'gender',
  'income',
  'page_url',
  'region',
  'country',
] as const;

/** No event is longer. */
export const adtechEventBytesMax = 256;

/** User ids are 1 to this. */
export const adtechUserIdMax = 200_000;

/** An event kept as what belongs together: JSON fragments between commas, all ASCII. */
type Fragment = string;

const eventNames = new WeightedChoice<Fragment>([
  ['"event_name":"Impression"', 900],
  ['"event_name":"Click"', 82],
  ['"event_name":"Video View"', 14],
  ['"event_name":"Conversion"', 4],
]);

const advertisers = new WeightedChoice<Fragment>(
  [
    'Polar',
    'Nordair',
    'Cornerbank',
    'Juniper',
    'Fleetfoot',
    'Meadow',
    'Atlas',
    'Hello',
    'Robin Toys',
    'Kettle',
  ].flatMap((advertiser, rank) =>
    // Popularity falls with the rank; each advertiser runs a few campaigns, the newest shown most.
    [0, 1, 2, 3].map((campaign): [Fragment, number] => [
      `"advertiser":"${advertiser}","campaign":${rank * 17 + campaign * 3 + 1}`,
      1000 / (rank + 1) / (campaign + 1),
    ]),
  ),
);

const pages = new WeightedChoice<Fragment>(
  ['news', 'sport', 'travel', 'food', 'games', 'money', 'arts', 'tech'].flatMap((section, rank) =>
    Array.from({ length: 24 }, (_unused, page): [Fragment, number] => [
      `"page_url":"/${section}/${100 + page * 37}"`,
      100 / (rank + 1) / (page + 1),
    ]),
  ),
);

const people = new WeightedChoice<Fragment>(
  (
    [
      ['Female', 47],
      ['Male', 45],
      ['unknown', 8],
    ] as const
  ).flatMap(([gender, genderWeight]) =>
    (
      [
        ['unknown', 30],
        ['<25k', 18],
        ['25k-50k', 22],
        ['50k-75k', 15],
        ['75k-100k', 9],
        ['>100k', 6],
      ] as const
    ).map(([income, incomeWeight]): [Fragment, number] => [
      `"gender":"${gender}","income":"${income}"`,
      genderWeight * incomeWeight,
    ]),
  ),
);

const places = new WeightedChoice<Fragment>(
  (
    [
      ['California', 'US', 120],
      ['Texas', 'US', 80],
      ['New York', 'US', 70],
      ['Florida', 'US', 55],
      ['Ontario', 'CA', 30],
      ['Quebec', 'CA', 15],
      ['England', 'GB', 60],
      ['Scotland', 'GB', 10],
      ['Bavaria', 'DE', 25],
      ['Berlin', 'DE', 20],
      ['Bretagne', 'FR', 30],
      ['Lombardy', 'IT', 16],
      ['Catalonia', 'ES', 14],
      ['Kerala', 'IN', 60],
      ['Karnataka', 'IN', 40],
      ['Sao Paulo', 'BR', 45],
      ['Tokyo', 'JP', 40],
      ['Victoria', 'AU', 18],
    ] as const
  ).map(([region, country, weight]): [Fragment, number] => [
    `"region":"${region}","country":"${country}"`,
    weight,
  ]),
);

/**
 * An endless sequence of ad-tech events, as JSON objects of about 170 bytes with the fields {@link adtechColumns}. Equal seeds give
 * equal events. Values are skewed as in real traffic: few advertisers and pages get most events, some users are far more
 * active than others, and gender, income, region and country always are the same for one user.
 */
export class AdtechEvents {
  readonly #random: RandomBits;
  #userId = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** `user_id` of the event written last. */
  get userId(): number {
    return this.#userId;
  }

  /**
   * Writes the next event into `target`, without a line end, and returns where it ends. `target` needs
   * {@link adtechEventBytesMax} bytes from `start` on.
   */
  write(target: Buffer, start: number): number {
    const random = this.#random;
    const activity = random() / 2 ** 32;
    // The square makes low ids frequent: a tenth of the users has nearly a third of the events.
    this.#userId = 1 + Math.floor(activity * activity * adtechUserIdMax);
    const person = scramble(this.#userId);
    const event = `{"user_id":${this.#userId},${eventNames.choose(random())},${advertisers.choose(random())},${people.choose(person)},${pages.choose(random())},${places.choose(scramble(person))}}`;
    return start + target.write(event, start, 'latin1');
  }

  /** The next event in a buffer of its own. */
  next(): Buffer {
    const buffer = Buffer.allocUnsafe(adtechEventBytesMax);
    return buffer.subarray(0, this.write(buffer, 0));
  }
}
