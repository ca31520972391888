import type { ObjectName } from '@millrace/sql/ast/node';
import type { Limit } from '@millrace/sql/ast/query';
import type { ResultColumn } from '@millrace/values/column-batch';
import type { NodeRole } from '../cluster/node.ts';
import * as cluster from '../information-schema/cluster-views.ts';
import { hostAndPort } from '../information-schema/information-view.ts';
import {
  doubleColumn,
  integerColumn,
  longTextColumn,
  textColumn,
  unsignedColumn,
  type VirtualTable,
} from '../queries/virtual-table.ts';
import { evaluate } from './evaluate.ts';
import { databaseOf } from './names.ts';
import type { StatementContext } from './statement-handler.ts';

/** SHOW statements about the cluster, sessions, settings and pipelines. */

export function showLeaves(context: StatementContext): VirtualTable {
  return {
    columns: [
      textColumn('Host'),
      integerColumn('Port'),
      integerColumn('Availability_Group'),
      textColumn('Pair_Host'),
      integerColumn('Pair_Port'),
      textColumn('State'),
      integerColumn('Opened_Connections'),
      doubleColumn('Average_Roundtrip_Latency_ms'),
      integerColumn('NodeId'),
      integerColumn('Grace_Period_in_Seconds'),
      textColumn('Runtime_State'),
    ],
    rows: cluster.leaves.rows(context.viewScope()),
  };
}

export function showAggregators(context: StatementContext): VirtualTable {
  return {
    columns: [
      textColumn('Host'),
      integerColumn('Port'),
      textColumn('State'),
      integerColumn('Opened_Connections'),
      doubleColumn('Average_Roundtrip_Latency_ms'),
      integerColumn('Master_Aggregator'),
      integerColumn('NodeID'),
      textColumn('Runtime_State'),
    ],
    rows: cluster.aggregators.rows(context.viewScope()),
  };
}

/** Nodes that keep nothing: they are listed while they are there. */
export function showNodes(context: StatementContext, role: NodeRole): VirtualTable {
  return {
    columns: [
      textColumn('Host'),
      integerColumn('Port'),
      textColumn('State'),
      textColumn('NodeId'),
      integerColumn('Capacity'),
      textColumn('Version'),
      textColumn('Runtime_State'),
    ],
    rows: context
      .viewScope()
      .nodes.filter((node) => node.role === role)
      .map((node) => {
        const [host, port] = hostAndPort(node.address);
        const { state, nodeId, capacity, version } = node;
        return [host, port, state, nodeId, BigInt(capacity), version, cluster.runtimeState(node)];
      }),
  };
}

export function showPartitions(context: StatementContext, databaseName: string | undefined): VirtualTable {
  const database = databaseOf(context, databaseName);
  return {
    columns: [
      integerColumn('Ordinal'),
      textColumn('Host'),
      integerColumn('Port'),
      textColumn('Role'),
      integerColumn('Locked'),
    ],
    rows: cluster.partitionRows(context.viewScope(), database.name),
  };
}

export function showClusterStatus(context: StatementContext): VirtualTable {
  const scope = context.viewScope();
  const states = new Map(scope.nodes.map(({ address, state }) => [address, state]));
  return {
    columns: [
      textColumn('Host'),
      integerColumn('Port'),
      textColumn('Database'),
      textColumn('Role'),
      textColumn('State'),
      textColumn('Position'),
      textColumn('Details'),
    ],
    rows: scope.catalog.schema
      .databases()
      .flatMap(({ name }) =>
        cluster
          .partitionRows(scope, name)
          .map(([ordinal = null, host = null, port = null, role = null]) => [
            host,
            port,
            `${name}_${String(ordinal)}`,
            role,
            states.get(`${String(host)}:${String(port)}`) ?? 'offline',
            null,
            '',
          ]),
      ),
  };
}

export function showProcesslist(context: StatementContext): VirtualTable {
  return {
    columns: [
      unsignedColumn('Id'),
      textColumn('User'),
      textColumn('Host'),
      textColumn('db'),
      textColumn('Command'),
      integerColumn('Time'),
      textColumn('State'),
      longTextColumn('Info'),
    ],
    rows: cluster.processlist.rows(context.viewScope()),
  };
}

const variableColumns: readonly ResultColumn[] = [textColumn('Variable_name'), longTextColumn('Value')];

export function showVariables(
  { services, session }: StatementContext,
  scope: 'session' | 'global',
): VirtualTable {
  const values = scope === 'global' ? services.globals : session.variables;
  return { columns: variableColumns, rows: cluster.variableRows((name) => values.get(name)) };
}

export function showStatus(context: StatementContext): VirtualTable {
  return { columns: variableColumns, rows: cluster.statusRows(context.viewScope()) };
}

export async function showWarnings(
  context: StatementContext,
  errorsOnly: boolean,
  limit: Limit | undefined,
): Promise<VirtualTable> {
  const all = context.session.warnings.filter(({ level }) => !errorsOnly || level === 'Error');
  const offset = limit?.offset === undefined ? 0 : await countOf(limit.offset, context);
  const count = limit === undefined ? all.length : await countOf(limit.count, context);
  return {
    columns: [textColumn('Level'), unsignedColumn('Code'), longTextColumn('Message')],
    rows: all.slice(offset, offset + count).map(({ level, code, message }) => [level, BigInt(code), message]),
  };
}

async function countOf(value: Limit['count'], context: StatementContext): Promise<number> {
  return Number(await evaluate(value, context));
}

export function showPipelines(context: StatementContext, databaseName: string | undefined): VirtualTable {
  const database = databaseOf(context, databaseName);
  return {
    columns: [textColumn(`Pipelines_in_${database.name}`), textColumn('State'), textColumn('Scheduled')],
    rows: context.services.catalog.pipelines
      .pipelines()
      .filter(({ databaseId }) => databaseId === database.id)
      .map(({ name, state }) => [name, state, 'False']),
  };
}

export async function showCreatePipeline(
  context: StatementContext,
  name: ObjectName,
  extended: boolean,
): Promise<VirtualTable> {
  const database = databaseOf(context, name.database);
  const text = await context.services.pipelines.showCreate(name.name, extended, {
    database,
    signal: context.signal,
  });
  return { columns: [textColumn('Pipeline'), longTextColumn('Create Pipeline')], rows: [[name.name, text]] };
}

export function showGrants({ session }: StatementContext): VirtualTable {
  const { user } = session.identity;
  return {
    columns: [longTextColumn(`Grants for ${user}@%`)],
    rows: [[`GRANT ALL PRIVILEGES ON *.* TO '${user.replaceAll("'", "''")}'@'%' WITH GRANT OPTION`]],
  };
}

/** A list of a kind of object that cannot be made yet. */
export function showNone(context: StatementContext, kind: string): VirtualTable {
  const { name } = databaseOf(context, undefined);
  return { columns: [textColumn(`${kind}_in_${name}`)], rows: [] };
}

/** An answer that is always empty, with the columns that clients expect. */
export function showEmpty(...columns: readonly string[]): VirtualTable {
  return { columns: columns.map(textColumn), rows: [] };
}
