import type { CatalogStore } from '@millrace/catalog/catalog-store';
import type { BindContext } from '@millrace/planner/bind-context';
import type { Logger } from '@millrace/runtime/logger';
import type { Statement, StatementKind, StatementOf } from '@millrace/sql/ast/statement';
import type { AutoIncrement } from '../changes/auto-increment.ts';
import type { InsertRows } from '../changes/insert-rows.ts';
import type { NodeRegistry } from '../cluster/node-registry.ts';
import type { SchemaDistribution } from '../cluster/schema-distribution.ts';
import type { ViewScope } from '../information-schema/information-view.ts';
import type { RowStream, SelectRunner, ViewSource } from '../queries/select-runner.ts';
import { batchesOf, type VirtualTable } from '../queries/virtual-table.ts';
import type { ProcessList } from '../sessions/process-list.ts';
import type { SessionState } from '../sessions/session-state.ts';
import type { TransactionCoordinator } from '../transactions/transaction-coordinator.ts';
import type { GlobalVariables } from '../variables/variable-store.ts';
import type { PipelinePort } from './pipeline-port.ts';

/** What statements work with; one set for the whole aggregator. */
export interface StatementServices {
  readonly catalog: CatalogStore;
  readonly registry: NodeRegistry;
  readonly distribution: SchemaDistribution;
  readonly coordinator: TransactionCoordinator;
  readonly runner: SelectRunner;
  readonly inserts: InsertRows;
  readonly autoIncrement: AutoIncrement;
  readonly globals: GlobalVariables;
  readonly processes: ProcessList;
  readonly pipelines: PipelinePort;
  readonly logger: Logger;
}

/** One statement being run. */
export interface StatementContext {
  readonly services: StatementServices;
  readonly session: SessionState;
  readonly signal: AbortSignal;
  /** What names and functions mean now; made anew for each attempt to plan. */
  bind(): BindContext;
  /** Fills information_schema views. */
  readonly views: ViewSource;
  viewScope(): ViewScope;
  /** Runs another statement in this session's place, for USING. */
  runNested(statement: Statement, database: string): Promise<StatementOutcome>;
}

export type StatementOutcome =
  | {
      readonly kind: 'done';
      readonly affectedRows: bigint;
      readonly lastInsertId: bigint;
      /** For example `Records: 3  Duplicates: 0  Warnings: 0`. */
      readonly info?: string;
    }
  | ({ readonly kind: 'rows' } & RowStream);

export type StatementHandler<Kind extends StatementKind> = (
  statement: StatementOf<Kind>,
  context: StatementContext,
) => Promise<StatementOutcome>;

/** The outcome of a statement that changes no rows. */
export const done: StatementOutcome = { kind: 'done', affectedRows: 0n, lastInsertId: 0n };

export function changed(affectedRows: bigint, info?: string): StatementOutcome {
  return { kind: 'done', affectedRows, lastInsertId: 0n, ...(info === undefined ? {} : { info }) };
}

export function rowsOutcome(table: VirtualTable): StatementOutcome {
  return { kind: 'rows', columns: table.columns, batches: asyncOf(batchesOf(table)) };
}

async function* asyncOf<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}
