import type { AlterPipeline } from './alter-pipeline.ts';
import type {
  ClearPipelineErrors,
  DropPipeline,
  StartPipeline,
  StartPipelines,
  StopPipeline,
  StopPipelines,
  TestPipeline,
} from './control-pipeline.ts';
import type { CreatePipeline } from './create-pipeline.ts';
import type { CreateTable } from './create-table.ts';
import type { CreateDatabase, DropDatabase, Use } from './database.ts';
import type { Delete } from './delete.ts';
import type { DropTable, TruncateTable } from './drop-table.ts';
import type { Describe, Explain } from './explain.ts';
import type { Insert } from './insert.ts';
import type { AddLeaf, RemoveLeaf } from './leaf.ts';
import type { Query } from './query.ts';
import type { Begin, Commit, Flush, Kill, Rollback, Using } from './session.ts';
import type { SetStatement } from './set.ts';
import type { Show } from './show.ts';
import type { Update } from './update.ts';

/** One statement of the dialect. */
export type Statement =
  | Query
  | Insert
  | Update
  | Delete
  | CreateDatabase
  | DropDatabase
  | Use
  | CreateTable
  | DropTable
  | TruncateTable
  | Show
  | Describe
  | Explain
  | SetStatement
  | Kill
  | Begin
  | Commit
  | Rollback
  | Using
  | Flush
  | CreatePipeline
  | AlterPipeline
  | StartPipeline
  | StartPipelines
  | StopPipeline
  | StopPipelines
  | DropPipeline
  | TestPipeline
  | ClearPipelineErrors
  | AddLeaf
  | RemoveLeaf;

export type StatementKind = Statement['kind'];

/** The statement node of one kind, for tables keyed by kind. */
export type StatementOf<Kind extends StatementKind> = Extract<Statement, { readonly kind: Kind }>;
