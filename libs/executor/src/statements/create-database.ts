import { MillraceError } from '@millrace/errors/millrace-error';
import { placePartitions } from '../cluster/partition-placement.ts';
import { isInformationSchema } from '../information-schema/information-schema.ts';
import { changed, done, type StatementHandler } from './statement-handler.ts';

const partitionsMax = 1_024;

/** The database exists once the catalog has it; leaves make their partitions now, or when they are back. */
export const runCreateDatabase: StatementHandler<'createDatabase'> = async (statement, context) => {
  const { catalog, registry, distribution, globals } = context.services;
  const { name, ifNotExists } = statement;
  const exists = () => catalog.schema.database(name) !== undefined || isInformationSchema(name);
  // A leaf that is away for a moment, as all are when this process has just started, shall get its share.
  if (!exists()) await registry.leavesReturned(context.signal);
  context.signal.throwIfAborted();
  if (exists()) {
    if (!ifNotExists) throw new MillraceError('DATABASE_EXISTS', `database '${name}' exists`);
    context.session.warn({ level: 'Note', code: 1007, message: `database '${name}' exists` });
    return done;
  }
  const leafIds = registry.onlineLeaves().map(({ leafId }) => leafId);
  if (leafIds.length === 0) throw new MillraceError('LEAVES_NONE', 'no leaf is online');
  const count =
    statement.partitions ?? globals.integer('default_partitions_per_leaf') * BigInt(leafIds.length);
  if (count < 1n || count > BigInt(partitionsMax)) {
    throw new MillraceError(
      'OPTION_INVALID',
      `a database has 1 to ${partitionsMax} partitions, not ${count}`,
    );
  }
  const held = new Map<string, number>();
  for (const database of catalog.schema.databases()) {
    for (const { leafId } of catalog.schema.partitions(database.name))
      held.set(leafId, (held.get(leafId) ?? 0) + 1);
  }
  catalog.schema.createDatabase(name, placePartitions(Number(count), leafIds, held));
  await distribution.apply(name, context.signal);
  context.session.transaction = 'none';
  return changed(1n);
};
