import type { CatalogStore } from '@millrace/catalog/catalog-store';
import type { PipelineRecord } from '@millrace/catalog/definitions';
import type { ResultColumn, ScalarValue } from '@millrace/values/column-batch';
import type { NodeStatus } from '../cluster/node.ts';
import type { ProcessInfo } from '../sessions/process-list.ts';
import type { GlobalVariables, SessionVariables } from '../variables/variable-store.ts';

/** What the views read. */
export interface ViewScope {
  readonly catalog: CatalogStore;
  readonly nodes: readonly NodeStatus[];
  readonly processes: readonly ProcessInfo[];
  readonly globals: GlobalVariables;
  readonly session: SessionVariables;
  /** "host:port" of the MySQL port of this aggregator. */
  readonly aggregatorAddress: string;
  /** The definition of a pipeline as PIPELINES shows it, without credentials. */
  readonly describePipeline: (pipeline: PipelineRecord) => PipelineDescription;
  /** How the connection that asks is encrypted, undefined when it is not. */
  readonly tls: { readonly cipher: string; readonly version: string } | undefined;
  /** Unix seconds, fractional. */
  readonly now: number;
}

export interface PipelineDescription {
  /** `KAFKA`. */
  readonly sourceType: string;
  readonly configJson: string;
}

/** One view: its columns, and its rows at the moment of asking. */
export interface InformationView {
  readonly columns: readonly ResultColumn[];
  rows(scope: ViewScope): readonly (readonly ScalarValue[])[];
}

/** A view that exists because clients ask for it and that never has rows. */
export function emptyView(columns: readonly ResultColumn[]): InformationView {
  return { columns, rows: () => [] };
}

/** Splits "host:port"; an IPv6 host keeps its brackets out. */
export function hostAndPort(address: string): [host: string, port: bigint] {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, Math.max(colon, 0)).replace(/^\[|\]$/g, '');
  return [host, BigInt(/^\d+$/.test(address.slice(colon + 1)) ? address.slice(colon + 1) : 0)];
}
