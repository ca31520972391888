import type { Expression } from './expression.ts';
import type { ObjectName, Positioned } from './node.ts';
import type { Limit } from './query.ts';

export interface Show extends Positioned {
  readonly kind: 'show';
  readonly subject: ShowSubject;
  readonly filter: ShowFilter | undefined;
}

/** LIKE 'pattern', or WHERE over the columns of the result. */
export type ShowFilter =
  | { readonly kind: 'like'; readonly pattern: Expression }
  | { readonly kind: 'where'; readonly condition: Expression };

export type ShowSubject =
  | { readonly kind: 'databases'; readonly extended: boolean }
  | {
      readonly kind: 'tables';
      readonly full: boolean;
      readonly extended: boolean;
      readonly database: string | undefined;
    }
  | { readonly kind: 'tableStatus'; readonly database: string | undefined }
  | { readonly kind: 'columns'; readonly full: boolean; readonly table: ObjectName }
  | { readonly kind: 'indexes'; readonly table: ObjectName }
  | { readonly kind: 'createTable'; readonly table: ObjectName }
  | { readonly kind: 'createDatabase'; readonly database: string }
  | { readonly kind: 'createPipeline'; readonly pipeline: ObjectName; readonly extended: boolean }
  | { readonly kind: 'pipelines'; readonly database: string | undefined }
  | { readonly kind: 'partitions'; readonly extended: boolean; readonly database: string | undefined }
  | { readonly kind: 'warnings' | 'errors'; readonly limit: Limit | undefined }
  | {
      readonly kind: 'variables' | 'status';
      readonly scope: 'session' | 'global';
      readonly extended: boolean;
    }
  | { readonly kind: 'processlist'; readonly full: boolean }
  | { readonly kind: ShowPlainKind };

/** Subjects that take no words besides the filter. */
export type ShowPlainKind =
  | 'leaves'
  | 'aggregators'
  | 'extractors'
  | 'runners'
  | 'engines'
  | 'collation'
  | 'characterSet'
  | 'databaseStatus'
  | 'plugins'
  | 'privileges'
  | 'functions'
  | 'procedures'
  | 'aggregates'
  | 'functionStatus'
  | 'procedureStatus'
  | 'triggers'
  | 'events'
  | 'grants'
  | 'clusterStatus';

export type ShowSubjectKind = ShowSubject['kind'];
