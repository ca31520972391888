import type { PipelineTransform } from './create-pipeline.ts';
import type { ObjectName, Positioned } from './node.ts';

/** `ALTER PIPELINE name clause …`. */
export interface AlterPipeline extends Positioned {
  readonly kind: 'alterPipeline';
  readonly name: ObjectName;
  /** One or more, in text order. */
  readonly clauses: readonly AlterPipelineClause[];
}

export type AlterPipelineClause =
  | { readonly kind: 'setOffsets'; readonly offsets: PipelineOffsets; readonly position: number }
  | {
      readonly kind: 'setConfig' | 'setCredentials' | 'setRetryOptions';
      /** Undefined: `value` is the whole JSON text. Given: `value` replaces this key only. */
      readonly key: string | undefined;
      readonly value: string;
      readonly position: number;
    }
  | {
      readonly kind:
        | 'setBatchIntervalMs'
        | 'setMaxPartitionsPerBatch'
        | 'setMaxOffsetsPerBatchPartition'
        | 'setMaxRetriesPerBatchPartition';
      readonly value: bigint;
      readonly position: number;
    }
  | { readonly kind: 'setResourcePool'; readonly pool: string; readonly position: number }
  | { readonly kind: 'setTransform'; readonly transform: PipelineTransform; readonly position: number }
  | {
      readonly kind: 'outOfOrderOptimization' | 'offsetsMetadataGc';
      readonly enabled: boolean;
      readonly position: number;
    }
  /** `none`: back to the global variable. */
  | { readonly kind: 'stopOnError'; readonly mode: 'on' | 'off' | 'none'; readonly position: number }
  | { readonly kind: 'reloadTransform'; readonly position: number }
  | { readonly kind: 'dropFile'; readonly file: string; readonly position: number }
  | { readonly kind: 'dropPartition'; readonly partition: string; readonly position: number }
  | { readonly kind: 'dropOrphanFiles' | 'dropOrphanPartitions'; readonly position: number };

/** `json`: partition or file to offset, as JSON text. */
export type PipelineOffsets =
  | { readonly kind: 'earliest' | 'latest' }
  | { readonly kind: 'json'; readonly text: string };
