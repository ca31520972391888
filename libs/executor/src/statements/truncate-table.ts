import { changeRows } from '../changes/change-rows.ts';
import { changeSettings } from './change-settings.ts';
import { tableOf } from './names.ts';
import { replanOnSchemaChange } from './replan.ts';
import { changed, type StatementHandler } from './statement-handler.ts';

/** As DDL, TRUNCATE ends an open transaction. */
export const runTruncateTable: StatementHandler<'truncateTable'> = async (statement, context) => {
  const { services, session } = context;
  await replanOnSchemaChange(context, () => {
    const { database, table } = tableOf(context, statement.table);
    return changeRows(
      {
        databaseId: database.id,
        databaseName: database.name,
        schemaVersion: database.schemaVersion,
        table,
        partitions: table.reference ? { kind: 'reference' } : { kind: 'all' },
        operation: { kind: 'truncate', tableId: table.id },
      },
      { ...services, map: services.catalog.schema },
      changeSettings(context),
    );
  });
  session.transaction = 'none';
  return changed(0n);
};
