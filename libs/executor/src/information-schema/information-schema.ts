import type { VirtualTable } from '../queries/virtual-table.ts';
import * as cluster from './cluster-views.ts';
import type { InformationView, ViewScope } from './information-view.ts';
import * as pipeline from './pipeline-views.ts';
import * as schema from './schema-views.ts';

/** Every view of information_schema under its upper case name. */
export const informationViews: Readonly<Record<string, InformationView>> = {
  AGGREGATE_FUNCTIONS: schema.aggregateFunctions,
  AGGREGATORS: cluster.aggregators,
  CHARACTER_SETS: schema.characterSets,
  COLLATIONS: schema.collations,
  COLUMNS: schema.columns,
  COLUMN_PRIVILEGES: schema.columnPrivileges,
  DISTRIBUTED_DATABASES: cluster.distributedDatabases,
  DISTRIBUTED_DATABASES_ON_SITES: cluster.distributedDatabasesOnSites,
  DISTRIBUTED_PARTITIONS: cluster.distributedPartitions,
  ENGINES: schema.engines,
  GLOBAL_STATUS: cluster.globalStatus,
  GLOBAL_VARIABLES: cluster.globalVariables,
  KEY_COLUMN_USAGE: schema.keyColumnUsage,
  LEAVES: cluster.leaves,
  MV_NODES: cluster.mvNodes,
  MV_PROCESSLIST: cluster.processlist,
  PARAMETERS: schema.parameters,
  PIPELINES: pipeline.pipelines,
  PIPELINES_BATCHES: pipeline.pipelinesBatches,
  PIPELINES_BATCHES_SUMMARY: pipeline.pipelinesBatchesSummary,
  PIPELINES_CURSORS: pipeline.pipelinesCursors,
  PIPELINES_ERRORS: pipeline.pipelinesErrors,
  PIPELINES_FILES: pipeline.pipelinesFiles,
  PIPELINES_OFFSETS: pipeline.pipelinesOffsets,
  PROCESSLIST: cluster.processlist,
  REFERENTIAL_CONSTRAINTS: schema.referentialConstraints,
  ROUTINES: schema.routines,
  SCHEMATA: schema.schemata,
  SESSION_VARIABLES: cluster.sessionVariables,
  STATISTICS: schema.statistics,
  TABLES: schema.tables,
  TABLE_CONSTRAINTS: schema.tableConstraints,
  TABLE_PRIVILEGES: schema.tablePrivileges,
  TRIGGERS: schema.triggers,
  VIEWS: schema.views,
};

/** The database name under which the views are found. */
export const informationSchemaName = 'information_schema';

export function isInformationSchema(database: string): boolean {
  return database.toLowerCase() === informationSchemaName;
}

/** The view of this name in any case. */
export function informationView(name: string): (InformationView & { readonly name: string }) | undefined {
  const upper = name.toUpperCase();
  const view = Object.hasOwn(informationViews, upper) ? informationViews[upper] : undefined;
  return view === undefined ? undefined : { ...view, name: upper };
}

/** Throws a plain Error for a name that binding should have refused. */
export function fillView(name: string, scope: ViewScope): VirtualTable {
  const view = informationView(name);
  if (view === undefined) throw new Error(`no information_schema view ${name}`);
  return { columns: view.columns, rows: view.rows(scope) };
}
