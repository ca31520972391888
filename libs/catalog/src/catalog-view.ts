import type { DatabaseDefinition, TableDefinition } from './definitions.ts';

/** Read access to the schema: all that binding and planning need. Names are case-sensitive. */
export interface CatalogView {
  database(name: string): DatabaseDefinition | undefined;
  table(databaseName: string, tableName: string): TableDefinition | undefined;
}
