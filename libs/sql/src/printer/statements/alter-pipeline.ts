import type { AlterPipeline, AlterPipelineClause, PipelineOffsets } from '../../ast/alter-pipeline.ts';
import { printObjectName, quoteIdentifier, quoteString } from '../quote.ts';
import { printPipelineTransform, printSwitch } from './create-pipeline.ts';

export function printAlterPipeline({ name, clauses }: AlterPipeline): string {
  return ['ALTER PIPELINE', printObjectName(name), ...clauses.map(printClause)].join(' ');
}

const settingWords = {
  setConfig: 'CONFIG',
  setCredentials: 'CREDENTIALS',
  setRetryOptions: 'RETRY_OPTIONS',
  setBatchIntervalMs: 'BATCH_INTERVAL',
  setMaxPartitionsPerBatch: 'MAX_PARTITIONS_PER_BATCH',
  setMaxOffsetsPerBatchPartition: 'MAX_OFFSETS_PER_BATCH_PARTITION',
  setMaxRetriesPerBatchPartition: 'MAX_RETRIES_PER_BATCH_PARTITION',
} as const;

function printClause(clause: AlterPipelineClause): string {
  switch (clause.kind) {
    case 'setOffsets':
      return `SET OFFSETS ${printOffsets(clause.offsets)}`;
    case 'setConfig':
    case 'setCredentials':
    case 'setRetryOptions': {
      const key = clause.key === undefined ? '' : `::${quoteIdentifier(clause.key)} =`;
      return `SET ${settingWords[clause.kind]} ${key === '' ? '' : `${key} `}${quoteString(clause.value)}`;
    }
    case 'setBatchIntervalMs':
    case 'setMaxPartitionsPerBatch':
    case 'setMaxOffsetsPerBatchPartition':
    case 'setMaxRetriesPerBatchPartition':
      return `SET ${settingWords[clause.kind]} ${clause.value}`;
    case 'setResourcePool':
      return `SET RESOURCE POOL ${quoteIdentifier(clause.pool)}`;
    case 'setTransform':
      return `SET TRANSFORM ${printPipelineTransform(clause.transform)}`;
    case 'outOfOrderOptimization':
      return `${printSwitch(clause.enabled)} OUT_OF_ORDER OPTIMIZATION`;
    case 'offsetsMetadataGc':
      return `${printSwitch(clause.enabled)} OFFSETS METADATA GC`;
    case 'stopOnError':
      return `STOP_ON_ERROR ${clause.mode.toUpperCase()}`;
    case 'reloadTransform':
      return 'RELOAD TRANSFORM';
    case 'dropFile':
      return `DROP FILE ${quoteString(clause.file)}`;
    case 'dropPartition':
      return `DROP PARTITION ${quoteString(clause.partition)}`;
    case 'dropOrphanFiles':
      return 'DROP ORPHAN FILES';
    case 'dropOrphanPartitions':
      return 'DROP ORPHAN PARTITIONS';
  }
}

function printOffsets(offsets: PipelineOffsets): string {
  return offsets.kind === 'json' ? quoteString(offsets.text) : offsets.kind.toUpperCase();
}
