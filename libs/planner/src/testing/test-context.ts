import type { CatalogView } from '@millrace/catalog/catalog-view';
import type { BindContext } from '../bind-context.ts';

const emptyCatalog: CatalogView = { database: () => undefined, table: () => undefined };

/** A session of a test: everything fixed. */
export function testContext(changes: Partial<BindContext> = {}): BindContext {
  return {
    database: 'db',
    catalog: emptyCatalog,
    virtualView: () => undefined,
    now: '2026-01-31 10:11:12.123456',
    parameters: [],
    systemVariable: (_scope, name) => (name === 'autocommit' ? 1n : undefined),
    userVariable: (name) => (name === 'v' ? 7n : null),
    connectionId: 42n,
    user: 'root@%',
    lastInsertId: 5n,
    rowCount: 3n,
    foundRows: 9n,
    version: '5.7.32',
    random: () => 0.25,
    ...changes,
  };
}
