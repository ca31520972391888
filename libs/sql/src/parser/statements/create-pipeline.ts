import type {
  ConflictHandling,
  CreatePipeline,
  PipelineSource,
  PipelineTarget,
  PipelineTransform,
} from '../../ast/create-pipeline.ts';
import type { Parser } from '../parser.ts';
import { parsePipelineFormat } from '../pipeline-format.ts';

/** Parses what follows `CREATE [OR REPLACE]`, from AGGREGATOR or PIPELINE on. */
export function parseCreatePipeline(parser: Parser, orReplace: boolean, position: number): CreatePipeline {
  const aggregator = parser.accept('AGGREGATOR');
  parser.expect('PIPELINE');
  const ifNotExists = parser.acceptAll('IF', 'NOT', 'EXISTS');
  const name = parser.objectName('a pipeline name');
  const force = parser.accept('FORCE');
  parser.expect('AS', 'LOAD', 'DATA');
  const source = parsePipelineSource(parser);
  const options = parseOptions(parser);
  const target = parseTarget(parser);
  const loading = parsePipelineFormat(parser);
  return {
    kind: 'createPipeline',
    orReplace,
    ifNotExists,
    aggregator,
    force,
    name,
    source,
    ...options,
    target,
    ...loading,
    position,
  };
}

const sourceKinds = { KAFKA: 'kafka', S3: 's3', FS: 'fs', AZURE: 'azure', HDFS: 'hdfs', GCS: 'gcs' } as const;

function parsePipelineSource(parser: Parser): PipelineSource {
  const position = parser.position;
  if (parser.accept('LINK')) {
    const link = parser.objectName('a link name');
    return { kind: 'link', link, location: parser.string('a location'), position };
  }
  const kind = parser.choose(sourceKinds);
  const location = parser.string('a location');
  let config: string | undefined;
  let credentials: string | undefined;
  for (;;) {
    if (config === undefined && parser.accept('CONFIG')) config = parser.string('a JSON string');
    else if (credentials === undefined && parser.accept('CREDENTIALS'))
      credentials = parser.string('a JSON string');
    else return { kind, location, config, credentials, position };
  }
}

type Options = Pick<
  CreatePipeline,
  | 'batchIntervalMs'
  | 'maxPartitionsPerBatch'
  | 'maxRetriesPerBatchPartition'
  | 'maxOffsetsPerBatchPartition'
  | 'resourcePool'
  | 'outOfOrderOptimization'
  | 'offsetsMetadataGc'
  | 'transform'
  | 'retryOptions'
  | 'conflictHandling'
  | 'stopOnError'
>;
type Draft = { -readonly [Option in keyof Options]: Options[Option] };

/** Takes the clauses between source and INTO, which may come in any order. */
function parseOptions(parser: Parser): Options {
  const draft: Draft = {
    batchIntervalMs: undefined,
    maxPartitionsPerBatch: undefined,
    maxRetriesPerBatchPartition: undefined,
    maxOffsetsPerBatchPartition: undefined,
    resourcePool: undefined,
    outOfOrderOptimization: undefined,
    offsetsMetadataGc: undefined,
    transform: undefined,
    retryOptions: undefined,
    conflictHandling: undefined,
    stopOnError: undefined,
  };
  while (!parser.at('INTO')) {
    const word = parser.tokens.text();
    const parseOption = Object.hasOwn(optionParsers, word) ? optionParsers[word] : undefined;
    if (parseOption === undefined) parser.fail('INTO or a pipeline option');
    parser.tokens.advance();
    parseOption(parser, draft);
  }
  return draft;
}

const optionParsers: Readonly<Record<string, (parser: Parser, draft: Draft) => void>> = {
  BATCH_INTERVAL(parser, draft) {
    draft.batchIntervalMs = parser.integer('a number of milliseconds');
  },
  MAX_PARTITIONS_PER_BATCH(parser, draft) {
    draft.maxPartitionsPerBatch = parser.integer('a number of partitions');
  },
  MAX_RETRIES_PER_BATCH_PARTITION(parser, draft) {
    draft.maxRetriesPerBatchPartition = parser.integer('a number of attempts');
  },
  MAX_OFFSETS_PER_BATCH_PARTITION(parser, draft) {
    draft.maxOffsetsPerBatchPartition = parser.integer('a number of offsets');
  },
  RESOURCE(parser, draft) {
    parser.expect('POOL');
    draft.resourcePool = parser.identifier('a resource pool');
  },
  ENABLE(parser, draft) {
    draft[parsePipelineSwitch(parser)] = true;
  },
  DISABLE(parser, draft) {
    draft[parsePipelineSwitch(parser)] = false;
  },
  WITH(parser, draft) {
    parser.expect('TRANSFORM');
    draft.transform = parsePipelineTransform(parser);
  },
  RETRY_OPTIONS(parser, draft) {
    draft.retryOptions = parser.string('a JSON string');
  },
  REPLACE(_, draft) {
    draft.conflictHandling = 'replace';
  },
  IGNORE(_, draft) {
    draft.conflictHandling = 'ignore';
  },
  SKIP(parser, draft) {
    draft.conflictHandling = parseSkip(parser);
  },
  STOP_ON_ERROR(parser, draft) {
    draft.stopOnError = parser.choose({ ON: true, OFF: false });
  },
};

/** Parses `OUT_OF_ORDER OPTIMIZATION` or `OFFSETS METADATA GC` after ENABLE or DISABLE. */
export function parsePipelineSwitch(parser: Parser): 'outOfOrderOptimization' | 'offsetsMetadataGc' {
  if (parser.acceptAll('OUT_OF_ORDER', 'OPTIMIZATION')) return 'outOfOrderOptimization';
  parser.expect('OFFSETS', 'METADATA', 'GC');
  return 'offsetsMetadataGc';
}

function parseSkip(parser: Parser): ConflictHandling {
  let handling: ConflictHandling = 'skipDuplicateKey';
  if (!parser.acceptAll('DUPLICATE', 'KEY')) {
    handling = parser.choose({ ALL: 'skipAll', CONSTRAINT: 'skipConstraint', PARSER: 'skipParser' } as const);
  }
  parser.expect('ERRORS');
  return handling;
}

/** Parses `('uri', 'executable', 'arguments')` after TRANSFORM; trailing parts may be left out. */
export function parsePipelineTransform(parser: Parser): PipelineTransform {
  const position = parser.position;
  const [uri = '', executable = '', argumentText = '', ...others] = parser.parenthesized(() =>
    parser.string('a string'),
  );
  if (others.length > 0) throw parser.errorAt(position, 'TRANSFORM takes at most three strings');
  return { uri, executable, arguments: argumentText, position };
}

function parseTarget(parser: Parser): PipelineTarget {
  parser.expect('INTO');
  if (parser.accept('PROCEDURE')) return { kind: 'procedure', name: parser.objectName('a procedure name') };
  parser.accept('TABLE');
  return { kind: 'table', name: parser.objectName('a table name') };
}
