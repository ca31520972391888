import { eventColumns, eventFormats } from '../support/events.ts';

/** Tables that pipelines load while a test makes trouble, by the topic whose events they get. */
export const loads = [
  { table: 'by_id', topic: 'events' },
  { table: 'by_user', topic: 'events' },
  { table: 'transformed', topic: 'transformed' },
] as const;

/**
 * Creates them, a rowstore and two columnstores, with their pipelines, `TABLE_pipe`, and starts these.
 *
 * @param brokers as the services reach them
 * @param program path of a transform program that passes text on, as the runners see it
 */
export function loadedTablesSql(brokers: string, program: string): string[] {
  const from = (topic: string) => `LOAD DATA KAFKA '${brokers}/${topic}'`;
  const { json } = eventFormats;
  return [
    `CREATE ROWSTORE TABLE by_id (${eventColumns}, PRIMARY KEY (id))`,
    `CREATE COLUMNSTORE TABLE by_user (${eventColumns}, SHARD KEY (user_id), SORT KEY (at))`,
    `CREATE COLUMNSTORE TABLE transformed (${eventColumns}, SHARD KEY (id), SORT KEY (at))`,
    `CREATE PIPELINE by_id_pipe AS ${from('events')} INTO TABLE by_id ${json}`,
    `CREATE PIPELINE by_user_pipe AS ${from('events')} INTO TABLE by_user ${json}`,
    `CREATE PIPELINE transformed_pipe AS ${from('transformed')} WITH TRANSFORM ('file://${program}', '', '') INTO TABLE transformed ${json}`,
    'START ALL PIPELINES',
  ];
}
