import type {
  ClearPipelineErrors,
  DropPipeline,
  StartPipeline,
  StopPipeline,
  TestPipeline,
} from '../../ast/control-pipeline.ts';
import { printObjectName } from '../quote.ts';

export function printStartPipeline({ name, ifNotRunning, foreground, limitBatches }: StartPipeline): string {
  const limit = limitBatches === undefined ? '' : ` LIMIT ${limitBatches} BATCHES`;
  const condition = ifNotRunning ? 'IF NOT RUNNING ' : '';
  return `START PIPELINE ${condition}${printObjectName(name)}${foreground ? ` FOREGROUND${limit}` : ''}`;
}

export function printStopPipeline({ name, ifRunning, detach }: StopPipeline): string {
  return `STOP PIPELINE ${ifRunning ? 'IF RUNNING ' : ''}${printObjectName(name)}${detach ? ' DETACH' : ''}`;
}

export function printDropPipeline({ name, ifExists }: DropPipeline): string {
  return `DROP PIPELINE ${ifExists ? 'IF EXISTS ' : ''}${printObjectName(name)}`;
}

export function printTestPipeline({ name, limitOffsets }: TestPipeline): string {
  return `TEST PIPELINE ${printObjectName(name)}${limitOffsets === undefined ? '' : ` LIMIT ${limitOffsets}`}`;
}

export function printClearPipelineErrors({ name }: ClearPipelineErrors): string {
  return `CLEAR PIPELINE ERRORS${name === undefined ? '' : ` FOR ${printObjectName(name)}`}`;
}
