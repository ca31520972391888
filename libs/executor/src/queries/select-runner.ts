import type { Fragment, MergeInput, SelectPlan } from '@millrace/planner/plan';
import type { ColumnBatch, ColumnVector, ResultColumn } from '@millrace/values/column-batch';
import type { Leaves } from '../leaves/leaf-port.ts';
import { GatherBudget, gatherRows, type LeafTask } from './gather.ts';
import { GatheredRelation, type MergeEngine, type MergeWorkspace } from './merge-engine.ts';
import { mergeStreams } from './merge-streams.ts';
import { type PartitionMap, routePartitions } from './partition-routing.ts';
import type { VirtualTable } from './virtual-table.ts';

/** A result under way. `batches` can be read once; leaving it early stops the query everywhere. */
export interface RowStream {
  readonly columns: readonly ResultColumn[];
  readonly batches: AsyncIterable<ColumnBatch>;
}

export interface SelectRunnerOptions {
  readonly map: PartitionMap;
  readonly leaves: Leaves;
  readonly engine: MergeEngine;
  /** Most bytes that one statement may gather at the aggregator. */
  readonly gatherBytesMax: number;
}

/** Fills an information_schema view for the session that asks. */
export type ViewSource = (view: string) => VirtualTable;

/** Rows brought together at the aggregator: `sql` reads them in the workspace. */
export interface GatheredRows {
  readonly workspace: MergeWorkspace;
  readonly sql: string;
}

/**
 * Runs SELECT plans: scatters fragments to the leaves that hold their partitions, and streams or merges what comes back.
 * Results start to flow before this resolves, so errors of the first rows reject here.
 */
export class SelectRunner {
  readonly #options: SelectRunnerOptions;

  constructor(options: SelectRunnerOptions) {
    this.#options = options;
  }

  async run(plan: SelectPlan, views: ViewSource, signal: AbortSignal): Promise<RowStream> {
    const { columns } = plan;
    const batches = plan.kind === 'merge' ? this.#merged(plan, views, signal) : this.#streamed(plan, signal);
    return { columns, batches: await startEagerly(batches) };
  }

  /** Brings all rows of a plan into the aggregator's engine, for a statement that works on them. Close the workspace. */
  async gather(plan: SelectPlan, views: ViewSource, signal: AbortSignal): Promise<GatheredRows> {
    const workspace = await this.#options.engine.open();
    try {
      if (plan.kind === 'merge') {
        await this.#addInputs(workspace, plan.inputs, views, signal);
        return { workspace, sql: workspace.query(plan.sql) };
      }
      await this.#addInputs(
        workspace,
        [{ kind: 'fragment', name: 'gathered', fragment: plan.fragment }],
        views,
        signal,
      );
      const limit = plan.kind === 'concat' && plan.limit !== null ? ` LIMIT ${plan.limit}` : '';
      return { workspace, sql: workspace.query(`SELECT * FROM gathered${limit}`) };
    } catch (error) {
      workspace.close();
      throw error;
    }
  }

  async *#merged(
    plan: Extract<SelectPlan, { kind: 'merge' }>,
    views: ViewSource,
    signal: AbortSignal,
  ): AsyncGenerator<ColumnBatch> {
    const { workspace, sql } = await this.gather(plan, views, signal);
    try {
      const types = plan.columns.map(({ type }) => type);
      const { batches } = await workspace.connection.query(sql, { types, signal });
      yield* batches;
    } finally {
      workspace.close();
    }
  }

  async *#streamed(
    plan: Exclude<SelectPlan, { kind: 'merge' }>,
    signal: AbortSignal,
  ): AsyncGenerator<ColumnBatch> {
    const types = plan.columns.map(({ type }) => type);
    const ended = new AbortController();
    const both = AbortSignal.any([signal, ended.signal]);
    const streams = this.#tasksOf(plan.fragment).map(({ leaf, query }) =>
      leaf.queryBatches(query, types, both),
    );
    const rows = mergeStreams(streams, () => ended.abort());
    yield* plan.kind === 'concat' && plan.limit !== null ? firstRows(rows, plan.limit) : rows;
  }

  async #addInputs(
    workspace: MergeWorkspace,
    inputs: readonly MergeInput[],
    views: ViewSource,
    signal: AbortSignal,
  ): Promise<void> {
    const budget = new GatherBudget(this.#options.gatherBytesMax);
    const failed = new AbortController();
    const both = AbortSignal.any([signal, failed.signal]);
    const fragments = inputs.filter((input) => input.kind === 'fragment');
    const relations = fragments.map(
      ({ name, fragment }) => new GatheredRelation(workspace, name, fragment.columns),
    );
    const ready = workspace.createGathered(relations);
    const gathered = relations.map(async (relation, at) => {
      try {
        const tasks = this.#tasksOf((fragments[at] as (typeof fragments)[number]).fragment);
        await gatherRows(tasks, relation, ready, budget, both);
      } catch (error) {
        failed.abort(error);
        throw error;
      } finally {
        await relation.finish();
      }
    });
    // All must have settled before the workspace may go.
    const settled = await Promise.allSettled([ready, ...gathered]);
    for (const outcome of settled) if (outcome.status === 'rejected') throw outcome.reason;
    for (const relation of relations) workspace.addGathered(relation);
    for (const input of inputs)
      if (input.kind === 'virtual') await workspace.addVirtualTable(input.name, views(input.view));
  }

  #tasksOf(fragment: Fragment): LeafTask[] {
    const { map, leaves } = this.#options;
    const routes = routePartitions(map, fragment.databaseName, fragment.partitions, (leafId) =>
      isOnline(leaves, leafId),
    );
    return [...routes].map(([leafId, ordinals]) => ({
      leaf: leaves.online(leafId),
      query: { ...queryOf(fragment), ordinals },
    }));
  }
}

function queryOf({ databaseId, schemaVersion, sql }: Fragment) {
  return { databaseId, schemaVersion, sql };
}

function isOnline(leaves: Leaves, leafId: string): boolean {
  try {
    leaves.online(leafId);
    return true;
  } catch {
    return false;
  }
}

/** The first rows of a stream, which is then ended. */
async function* firstRows(batches: AsyncIterable<ColumnBatch>, limit: bigint): AsyncGenerator<ColumnBatch> {
  let left = limit;
  if (left <= 0n) return;
  for await (const batch of batches) {
    if (BigInt(batch.rowCount) >= left) {
      yield cutBatch(batch, Number(left));
      return;
    }
    left -= BigInt(batch.rowCount);
    yield batch;
  }
}

function cutBatch(batch: ColumnBatch, rowCount: number): ColumnBatch {
  return { rowCount, columns: batch.columns.map((vector) => cutVector(vector, rowCount)) };
}

function cutVector(vector: ColumnVector, rowCount: number): ColumnVector {
  const mask = vector.nulls === undefined ? {} : { nulls: vector.nulls.subarray(0, rowCount) };
  switch (vector.kind) {
    case 'int64':
      return { kind: vector.kind, values: vector.values.subarray(0, rowCount), ...mask };
    case 'uint64':
      return { kind: vector.kind, values: vector.values.subarray(0, rowCount), ...mask };
    case 'double':
      return { kind: vector.kind, values: vector.values.subarray(0, rowCount), ...mask };
    case 'text':
      return { kind: vector.kind, values: vector.values.slice(0, rowCount), ...mask };
    case 'blob':
      return { kind: vector.kind, values: vector.values.slice(0, rowCount), ...mask };
  }
}

/** Pulls the first item, so that a source that fails at once rejects here and not while it is read. */
async function startEagerly<T>(source: AsyncGenerator<T>): Promise<AsyncIterable<T>> {
  let first: IteratorResult<T> | undefined = await source.next();
  // Not a generator: `return` before the first `next` must end the source too.
  const iterator: AsyncIterator<T> = {
    next: async () => {
      if (first === undefined) return source.next();
      const result = first;
      first = undefined;
      return result;
    },
    return: () => source.return(undefined),
  };
  return { [Symbol.asyncIterator]: () => iterator };
}
