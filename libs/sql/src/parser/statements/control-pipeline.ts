import type {
  ClearPipelineErrors,
  DropPipeline,
  StartPipeline,
  StartPipelines,
  StopPipeline,
  StopPipelines,
  TestPipeline,
} from '../../ast/control-pipeline.ts';
import type { ObjectName } from '../../ast/node.ts';
import type { Parser } from '../parser.ts';

function parsePipelineName(parser: Parser): ObjectName {
  return parser.objectName('a pipeline name');
}

/** Parses what follows START when it is not TRANSACTION. */
export function parseStartPipeline(parser: Parser, position: number): StartPipeline | StartPipelines {
  const which = parser.acceptAny('ALL', 'FAILED');
  if (which !== undefined) {
    parser.expect('PIPELINES');
    return { kind: 'startPipelines', which: which === 'ALL' ? 'all' : 'failed', position };
  }
  if (!parser.accept('PIPELINE')) parser.fail('TRANSACTION or PIPELINE');
  const ifNotRunning = parser.acceptAll('IF', 'NOT', 'RUNNING');
  const name = parsePipelineName(parser);
  const foreground = parser.accept('FOREGROUND');
  let limitBatches: bigint | undefined;
  if (foreground && parser.accept('LIMIT')) {
    limitBatches = parser.integer('a number of batches');
    parser.expect('BATCHES');
  }
  return { kind: 'startPipeline', name, ifNotRunning, foreground, limitBatches, position };
}

export function parseStopPipeline(parser: Parser): StopPipeline | StopPipelines {
  const position = parser.position;
  parser.expect('STOP');
  if (parser.acceptAll('ALL', 'PIPELINES')) return { kind: 'stopPipelines', position };
  parser.expect('PIPELINE');
  const ifRunning = parser.acceptAll('IF', 'RUNNING');
  const name = parsePipelineName(parser);
  return { kind: 'stopPipeline', name, ifRunning, detach: parser.accept('DETACH'), position };
}

/** Parses what follows `DROP PIPELINE`. */
export function parseDropPipeline(parser: Parser, position: number): DropPipeline {
  const ifExists = parser.acceptAll('IF', 'EXISTS');
  return { kind: 'dropPipeline', name: parsePipelineName(parser), ifExists, position };
}

export function parseTestPipeline(parser: Parser): TestPipeline {
  const position = parser.position;
  parser.expect('TEST', 'PIPELINE');
  const name = parsePipelineName(parser);
  const limitOffsets = parser.accept('LIMIT') ? parser.integer('a number of offsets') : undefined;
  return { kind: 'testPipeline', name, limitOffsets, position };
}

export function parseClearPipelineErrors(parser: Parser): ClearPipelineErrors {
  const position = parser.position;
  parser.expect('CLEAR', 'PIPELINE', 'ERRORS');
  const name = parser.accept('FOR') ? parsePipelineName(parser) : undefined;
  return { kind: 'clearPipelineErrors', name, position };
}
