import type { ShowSubject, ShowSubjectKind } from '@millrace/sql/ast/show';
import * as schemaViews from '../information-schema/schema-views.ts';
import { integerColumn, textColumn, type VirtualTable } from '../queries/virtual-table.ts';
import * as cluster from './show-cluster.ts';
import { filteredRows } from './show-filter.ts';
import * as schema from './show-schema.ts';
import type { StatementContext, StatementHandler } from './statement-handler.ts';

type SubjectOf<Kind extends ShowSubjectKind> = Extract<ShowSubject, { readonly kind: Kind }>;

type Answer<Kind extends ShowSubjectKind> = (
  subject: SubjectOf<Kind>,
  context: StatementContext,
) => VirtualTable | Promise<VirtualTable>;

const answers: { readonly [Kind in ShowSubjectKind]: Answer<Kind> } = {
  databases: (_subject, context) => schema.showDatabases(context),
  tables: (subject, context) => schema.showTables(context, subject),
  tableStatus: ({ database }, context) => schema.showTableStatus(context, database),
  columns: ({ table, full }, context) => schema.showColumns(context, table, full),
  indexes: ({ table }, context) => schema.showIndexes(context, table),
  createTable: ({ table }, context) => schema.showCreateTable(context, table),
  createDatabase: ({ database }, context) => schema.showCreateDatabase(context, database),
  createPipeline: ({ pipeline, extended }, context) =>
    cluster.showCreatePipeline(context, pipeline, extended),
  pipelines: ({ database }, context) => cluster.showPipelines(context, database),
  partitions: ({ database }, context) => cluster.showPartitions(context, database),
  warnings: ({ limit }, context) => cluster.showWarnings(context, false, limit),
  errors: ({ limit }, context) => cluster.showWarnings(context, true, limit),
  variables: ({ scope }, context) => cluster.showVariables(context, scope),
  status: (_subject, context) => cluster.showStatus(context),
  processlist: (_subject, context) => cluster.showProcesslist(context),
  leaves: (_subject, context) => cluster.showLeaves(context),
  aggregators: (_subject, context) => cluster.showAggregators(context),
  extractors: (_subject, context) => cluster.showNodes(context, 'extractor'),
  runners: (_subject, context) => cluster.showNodes(context, 'transform-runner'),
  clusterStatus: (_subject, context) => cluster.showClusterStatus(context),
  databaseStatus: (_subject, context) => schema.showDatabaseStatus(context),
  grants: (_subject, context) => cluster.showGrants(context),
  engines: (_subject, context) => ({
    columns: ['Engine', 'Support', 'Comment', 'Transactions', 'XA', 'Savepoints'].map(textColumn),
    rows: schemaViews.engines.rows(context.viewScope()),
  }),
  collation: (_subject, context) => ({
    columns: [
      textColumn('Collation'),
      textColumn('Charset'),
      integerColumn('Id'),
      textColumn('Default'),
      textColumn('Compiled'),
      integerColumn('Sortlen'),
    ],
    rows: schemaViews.collations.rows(context.viewScope()),
  }),
  characterSet: (_subject, context) => ({
    columns: [
      textColumn('Charset'),
      textColumn('Default collation'),
      textColumn('Description'),
      integerColumn('Maxlen'),
    ],
    rows: schemaViews.characterSets.rows(context.viewScope()),
  }),
  plugins: () => cluster.showEmpty('Name', 'Status', 'Type', 'Library', 'License'),
  privileges: () => cluster.showEmpty('Privilege', 'Context', 'Comment'),
  functions: (_subject, context) => cluster.showNone(context, 'Functions'),
  procedures: (_subject, context) => cluster.showNone(context, 'Procedures'),
  aggregates: (_subject, context) => cluster.showNone(context, 'Aggregates'),
  functionStatus: () => cluster.showEmpty(...routineStatusColumns),
  procedureStatus: () => cluster.showEmpty(...routineStatusColumns),
  triggers: () =>
    cluster.showEmpty('Trigger', 'Event', 'Table', 'Statement', 'Timing', 'Created', 'sql_mode', 'Definer'),
  events: () => cluster.showEmpty('Db', 'Name', 'Definer', 'Time zone', 'Type', 'Execute at', 'Status'),
};

const routineStatusColumns = [
  'Db',
  'Name',
  'Type',
  'Definer',
  'Modified',
  'Created',
  'Security_type',
  'Comment',
];

export const runShow: StatementHandler<'show'> = async ({ subject, filter }, context) => {
  // The table ties each kind to its own subject; indexing by a union loses that.
  const answer = answers[subject.kind] as Answer<ShowSubjectKind>;
  return filteredRows(await answer(subject, context), filter, context);
};
