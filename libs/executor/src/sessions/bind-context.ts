import type { CatalogView } from '@millrace/catalog/catalog-view';
import type { BindContext } from '@millrace/planner/bind-context';
import type { ScalarValue } from '@millrace/values/column-batch';
import { informationView } from '../information-schema/information-schema.ts';
import { mysqlVersion } from '../variables/system-variables.ts';
import type { GlobalVariables } from '../variables/variable-store.ts';
import { variableOf } from '../variables/variable-store.ts';
import type { SessionState } from './session-state.ts';

export interface BindSources {
  readonly catalog: CatalogView;
  readonly globals: GlobalVariables;
  /** Unix milliseconds. */
  readonly nowMs: () => number;
  readonly random: () => number;
}

/** What a statement of a session means now. */
export function bindContextOf(
  session: SessionState,
  { catalog, globals, nowMs, random }: BindSources,
  parameters: readonly ScalarValue[] | undefined,
): BindContext {
  return {
    database: session.database,
    catalog,
    virtualView: informationView,
    now: timestampText(nowMs()),
    parameters,
    systemVariable: (scope, name) => {
      if (variableOf(name) === undefined) return undefined;
      if (scope === 'global') return globals.get(name);
      return diagnostics[name]?.(session) ?? session.variables.get(name);
    },
    userVariable: (name) => session.userVariables.get(name.toLowerCase()) ?? null,
    connectionId: session.identity.connectionId,
    user: `${session.identity.user}@%`,
    lastInsertId: session.lastInsertId,
    rowCount: session.rowCount,
    foundRows: session.foundRows,
    version: mysqlVersion,
    random,
  };
}

/** Session variables that are computed. */
const diagnostics: Readonly<Record<string, (session: SessionState) => ScalarValue>> = {
  last_insert_id: ({ lastInsertId }) => lastInsertId,
  identity: ({ lastInsertId }) => lastInsertId,
  warning_count: ({ warnings }) => BigInt(warnings.length),
  error_count: ({ warnings }) => BigInt(warnings.filter(({ level }) => level === 'Error').length),
};

/** `2026-01-31 10:00:00.123000` in UTC. */
function timestampText(unixMs: number): string {
  return `${new Date(unixMs).toISOString().slice(0, 23).replace('T', ' ')}000`;
}
