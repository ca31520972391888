import type { ScalarValue } from '@millrace/values/column-batch';
import type { NodeStatus } from '../cluster/node.ts';
import {
  doubleColumn,
  integerColumn,
  longTextColumn,
  textColumn,
  unsignedColumn,
} from '../queries/virtual-table.ts';
import { shownValue, systemVariables } from '../variables/system-variables.ts';
import { hostAndPort, type InformationView, type ViewScope } from './information-view.ts';

/** Views of the cluster, its sessions and its settings. */

export const leaves: InformationView = {
  columns: [
    textColumn('HOST'),
    integerColumn('PORT'),
    integerColumn('AVAILABILITY_GROUP'),
    textColumn('PAIR_HOST'),
    integerColumn('PAIR_PORT'),
    textColumn('STATE'),
    integerColumn('OPENED_CONNECTIONS'),
    doubleColumn('AVERAGE_ROUNDTRIP_LATENCY_MS'),
    integerColumn('NODE_ID'),
    integerColumn('GRACE_PERIOD_IN_SECONDS'),
    textColumn('RUNTIME_STATE'),
  ],
  rows: ({ nodes }) =>
    nodes
      .filter(({ role }) => role === 'leaf')
      .map((node): ScalarValue[] => {
        const [host, port] = hostAndPort(node.address);
        const { state, nodeId } = node;
        return [host, port, 1n, null, null, state, null, null, nodeNumber(nodeId), null, runtimeState(node)];
      }),
};

/** The state, or why a node was refused. */
export function runtimeState({ state, refusal }: NodeStatus): string {
  return refusal === '' ? state : `refused: ${refusal}`;
}

export const aggregators: InformationView = {
  columns: [
    textColumn('HOST'),
    integerColumn('PORT'),
    textColumn('STATE'),
    integerColumn('OPENED_CONNECTIONS'),
    doubleColumn('AVERAGE_ROUNDTRIP_LATENCY_MS'),
    integerColumn('MASTER_AGGREGATOR'),
    integerColumn('NODE_ID'),
    textColumn('RUNTIME_STATE'),
  ],
  rows: ({ aggregatorAddress, processes }) => {
    const [host, port] = hostAndPort(aggregatorAddress);
    return [[host, port, 'online', BigInt(processes.length), null, 1n, 0n, 'online']];
  },
};

export const mvNodes: InformationView = {
  columns: [
    integerColumn('ID'),
    textColumn('IP_ADDR'),
    integerColumn('PORT'),
    textColumn('EXTERNAL_HOST'),
    integerColumn('EXTERNAL_PORT'),
    textColumn('TYPE'),
    textColumn('STATE'),
    textColumn('VERSION'),
  ],
  rows: ({ aggregatorAddress, nodes, globals }) => {
    const [host, port] = hostAndPort(aggregatorAddress);
    const aggregator = [0n, host, port, null, null, 'MA', 'online', String(globals.get('memsql_version'))];
    const leafRows = nodes
      .filter(({ role }) => role === 'leaf')
      .map(({ nodeId, address, state, version }): ScalarValue[] => {
        const [leafHost, leafPort] = hostAndPort(address);
        return [nodeNumber(nodeId), leafHost, leafPort, null, null, 'LEAF', state, version];
      });
    return [aggregator, ...leafRows];
  },
};

/** Leaf ids are numbers that the catalog gives out. */
function nodeNumber(nodeId: string): bigint | null {
  return /^\d{1,18}$/.test(nodeId) ? BigInt(nodeId) : null;
}

export const distributedDatabases: InformationView = {
  columns: [
    textColumn('DATABASE_NAME'),
    integerColumn('NUM_PARTITIONS'),
    integerColumn('NUM_SUB_PARTITIONS'),
    integerColumn('CLUSTER_ID'),
    textColumn('IS_SYNC'),
  ],
  rows: ({ catalog }) =>
    catalog.schema
      .databases()
      .map(({ name, partitionCount }) => [name, BigInt(partitionCount), 0n, 0n, 'YES']),
};

export const distributedDatabasesOnSites: InformationView = {
  columns: [textColumn('DATABASE_NAME'), integerColumn('SITE_ID')],
  rows: ({ catalog }) => catalog.schema.databases().map(({ name }) => [name, 0n]),
};

export const distributedPartitions: InformationView = {
  columns: [
    textColumn('DATABASE_NAME'),
    integerColumn('ORDINAL'),
    textColumn('HOST'),
    integerColumn('PORT'),
    textColumn('ROLE'),
    integerColumn('LOCKED'),
  ],
  rows: (scope) =>
    scope.catalog.schema
      .databases()
      .flatMap(({ name }) => partitionRows(scope, name).map((row) => [name, ...row])),
};

/** Ordinal, host, port, role and lock of every partition of a database. */
export function partitionRows({ catalog, nodes }: ViewScope, databaseName: string): ScalarValue[][] {
  const addresses = new Map(nodes.map(({ nodeId, address }) => [nodeId, address]));
  return catalog.schema.partitions(databaseName).map(({ ordinal, leafId }) => {
    const [host, port] = hostAndPort(addresses.get(leafId) ?? '');
    return [BigInt(ordinal), host, port, 'Master', 0n];
  });
}

const processColumns = [
  unsignedColumn('ID'),
  textColumn('USER'),
  textColumn('HOST'),
  textColumn('DB'),
  textColumn('COMMAND'),
  integerColumn('TIME'),
  textColumn('STATE'),
  longTextColumn('INFO'),
];

export const processlist: InformationView = {
  columns: processColumns,
  rows: ({ processes, now }) =>
    processes.map(({ id, user, host, database, command, since, info }) => [
      id,
      user,
      host,
      database ?? null,
      command,
      BigInt(Math.max(0, Math.floor(now - since))),
      info === undefined ? '' : 'executing',
      info ?? null,
    ]),
};

const variableColumns = [textColumn('VARIABLE_NAME'), longTextColumn('VARIABLE_VALUE')];

export const globalVariables: InformationView = {
  columns: variableColumns,
  rows: ({ globals }) => variableRows((name) => globals.get(name)),
};

export const sessionVariables: InformationView = {
  columns: variableColumns,
  rows: ({ session }) => variableRows((name) => session.get(name)),
};

/** Name and shown value of every variable, by name. */
export function variableRows(read: (name: string) => ScalarValue): ScalarValue[][] {
  return Object.entries(systemVariables)
    .map(([name, variable]) => [name, shownValue(variable, read(name))])
    .sort(([a = ''], [b = '']) => (a < b ? -1 : 1));
}

/** Counters that monitoring programs read. */
export const globalStatus: InformationView = {
  columns: variableColumns,
  rows: statusRows,
};

export function statusRows({ processes, now, globals, tls }: ViewScope): ScalarValue[][] {
  const startedAt = globals.get('start_time');
  const uptime = typeof startedAt === 'number' ? Math.floor(now - startedAt) : 0;
  return [
    ['Ssl_cipher', tls?.cipher ?? ''],
    ['Ssl_version', tls?.version ?? ''],
    ['Threads_connected', String(processes.length)],
    ['Threads_running', String(processes.filter(({ info }) => info !== undefined).length)],
    ['Uptime', String(uptime)],
  ];
}
