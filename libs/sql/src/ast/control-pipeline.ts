import type { ObjectName, Positioned } from './node.ts';

/** `START PIPELINE [IF NOT RUNNING] name [FOREGROUND [LIMIT n BATCHES]]`. */
export interface StartPipeline extends Positioned {
  readonly kind: 'startPipeline';
  readonly name: ObjectName;
  readonly ifNotRunning: boolean;
  readonly foreground: boolean;
  /** Only with `foreground`. Undefined: until everything present has been loaded. */
  readonly limitBatches: bigint | undefined;
}

/** `START {ALL | FAILED} PIPELINES`. */
export interface StartPipelines extends Positioned {
  readonly kind: 'startPipelines';
  readonly which: 'all' | 'failed';
}

/** `STOP PIPELINE [IF RUNNING] name [DETACH]`. */
export interface StopPipeline extends Positioned {
  readonly kind: 'stopPipeline';
  readonly name: ObjectName;
  readonly ifRunning: boolean;
  readonly detach: boolean;
}

/** `STOP ALL PIPELINES`. */
export interface StopPipelines extends Positioned {
  readonly kind: 'stopPipelines';
}

/** `DROP PIPELINE [IF EXISTS] name`. */
export interface DropPipeline extends Positioned {
  readonly kind: 'dropPipeline';
  readonly name: ObjectName;
  readonly ifExists: boolean;
}

/** `TEST PIPELINE name [LIMIT n]`: n bounds source offsets, not rows. */
export interface TestPipeline extends Positioned {
  readonly kind: 'testPipeline';
  readonly name: ObjectName;
  readonly limitOffsets: bigint | undefined;
}

/** `CLEAR PIPELINE ERRORS [FOR name]`. */
export interface ClearPipelineErrors extends Positioned {
  readonly kind: 'clearPipelineErrors';
  readonly name: ObjectName | undefined;
}
