import type { Show, ShowFilter, ShowPlainKind, ShowSubject } from '../../ast/show.ts';
import { printExpression } from '../expression.ts';
import { printLimit } from '../query.ts';
import { printObjectName, quoteIdentifier } from '../quote.ts';

export function printShow({ subject, filter }: Show): string {
  return `SHOW ${printSubject(subject)}${printFilter(filter)}`;
}

function printFilter(filter: ShowFilter | undefined): string {
  if (filter === undefined) return '';
  if (filter.kind === 'like') return ` LIKE ${printExpression(filter.pattern)}`;
  return ` WHERE ${printExpression(filter.condition)}`;
}

const plainWords = {
  leaves: 'LEAVES',
  aggregators: 'AGGREGATORS',
  extractors: 'EXTRACTORS',
  runners: 'RUNNERS',
  engines: 'ENGINES',
  collation: 'COLLATION',
  characterSet: 'CHARACTER SET',
  databaseStatus: 'DATABASE STATUS',
  plugins: 'PLUGINS',
  privileges: 'PRIVILEGES',
  functions: 'FUNCTIONS',
  procedures: 'PROCEDURES',
  aggregates: 'AGGREGATES',
  functionStatus: 'FUNCTION STATUS',
  procedureStatus: 'PROCEDURE STATUS',
  triggers: 'TRIGGERS',
  events: 'EVENTS',
  grants: 'GRANTS',
  clusterStatus: 'CLUSTER STATUS',
} as const satisfies Record<ShowPlainKind, string>;

const full = (isFull: boolean): string => (isFull ? 'FULL ' : '');
const extended = (isExtended: boolean): string => (isExtended ? ' EXTENDED' : '');

function suffix(word: 'FROM' | 'ON', database: string | undefined): string {
  return database === undefined ? '' : ` ${word} ${quoteIdentifier(database)}`;
}

function printSubject(subject: ShowSubject): string {
  switch (subject.kind) {
    case 'databases':
      return `DATABASES${extended(subject.extended)}`;
    case 'tables':
      return `${full(subject.full)}TABLES${extended(subject.extended)}${suffix('FROM', subject.database)}`;
    case 'tableStatus':
      return `TABLE STATUS${suffix('FROM', subject.database)}`;
    case 'columns':
      return `${full(subject.full)}COLUMNS FROM ${printObjectName(subject.table)}`;
    case 'indexes':
      return `INDEXES FROM ${printObjectName(subject.table)}`;
    case 'createTable':
      return `CREATE TABLE ${printObjectName(subject.table)}`;
    case 'createDatabase':
      return `CREATE DATABASE ${quoteIdentifier(subject.database)}`;
    case 'createPipeline':
      return `CREATE PIPELINE ${printObjectName(subject.pipeline)}${extended(subject.extended)}`;
    case 'pipelines':
      return `PIPELINES${suffix('FROM', subject.database)}`;
    case 'partitions':
      return `PARTITIONS${extended(subject.extended)}${suffix('ON', subject.database)}`;
    case 'warnings':
    case 'errors':
      return `${subject.kind.toUpperCase()}${subject.limit === undefined ? '' : ` ${printLimit(subject.limit)}`}`;
    case 'variables':
    case 'status':
      return `${subject.scope.toUpperCase()} ${subject.kind.toUpperCase()}${extended(subject.extended)}`;
    case 'processlist':
      return `${full(subject.full)}PROCESSLIST`;
    default:
      return plainWords[subject.kind];
  }
}
