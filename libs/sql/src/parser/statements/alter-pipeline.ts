import type { AlterPipeline, AlterPipelineClause, PipelineOffsets } from '../../ast/alter-pipeline.ts';
import type { Parser } from '../parser.ts';
import { parsePipelineSwitch, parsePipelineTransform } from './create-pipeline.ts';

/** Parses what follows `ALTER PIPELINE`. */
export function parseAlterPipeline(parser: Parser, position: number): AlterPipeline {
  const name = parser.objectName('a pipeline name');
  const clauses: AlterPipelineClause[] = [];
  do clauses.push(...parseClause(parser));
  while (!parser.atEnd);
  return { kind: 'alterPipeline', name, clauses, position };
}

/** SET introduces one or more settings; every other clause stands by itself. */
function parseClause(parser: Parser): AlterPipelineClause[] {
  const position = parser.position;
  if (parser.accept('SET')) {
    const settings = [parseSetting(parser)];
    while (Object.hasOwn(settingParsers, parser.tokens.text())) settings.push(parseSetting(parser));
    return settings;
  }
  if (parser.acceptAny('ENABLE') !== undefined)
    return [{ kind: parsePipelineSwitch(parser), enabled: true, position }];
  if (parser.acceptAny('DISABLE') !== undefined) {
    return [{ kind: parsePipelineSwitch(parser), enabled: false, position }];
  }
  if (parser.accept('STOP_ON_ERROR')) {
    return [
      { kind: 'stopOnError', mode: parser.choose({ ON: 'on', OFF: 'off', NONE: 'none' } as const), position },
    ];
  }
  if (parser.accept('RELOAD')) {
    parser.expect('TRANSFORM');
    return [{ kind: 'reloadTransform', position }];
  }
  if (parser.accept('DROP')) return [parseDrop(parser, position)];
  if (parser.atAny('FIELDS', 'COLUMNS', 'LINES')) {
    parser.unsupported(
      `ALTER PIPELINE … ${parser.tokens.text()}: CREATE OR REPLACE PIPELINE changes the format; this`,
    );
  }
  return parser.fail('SET or another clause of ALTER PIPELINE');
}

function parseSetting(parser: Parser): AlterPipelineClause {
  const position = parser.position;
  const word = parser.tokens.text();
  const parseKnown = Object.hasOwn(settingParsers, word) ? settingParsers[word] : undefined;
  if (parseKnown === undefined) parser.fail('a setting of the pipeline');
  parser.tokens.advance();
  return parseKnown(parser, position);
}

type SettingParser = (parser: Parser, position: number) => AlterPipelineClause;

const settingParsers: Readonly<Record<string, SettingParser>> = {
  OFFSETS: (parser, position) => ({ kind: 'setOffsets', offsets: parseOffsets(parser), position }),
  CONFIG: jsonSetting('setConfig'),
  CREDENTIALS: jsonSetting('setCredentials'),
  RETRY_OPTIONS: jsonSetting('setRetryOptions'),
  BATCH_INTERVAL: numberSetting('setBatchIntervalMs'),
  MAX_PARTITIONS_PER_BATCH: numberSetting('setMaxPartitionsPerBatch'),
  MAX_OFFSETS_PER_BATCH_PARTITION: numberSetting('setMaxOffsetsPerBatchPartition'),
  MAX_RETRIES_PER_BATCH_PARTITION: numberSetting('setMaxRetriesPerBatchPartition'),
  RESOURCE(parser, position) {
    parser.expect('POOL');
    return { kind: 'setResourcePool', pool: parser.identifier('a resource pool'), position };
  },
  TRANSFORM: (parser, position) => ({
    kind: 'setTransform',
    transform: parsePipelineTransform(parser),
    position,
  }),
  OFFSET: (parser) => parser.unsupported('SET OFFSET CURSOR'),
  LINK: (parser) => parser.unsupported('SET LINK'),
};

function jsonSetting(kind: 'setConfig' | 'setCredentials' | 'setRetryOptions'): SettingParser {
  return (parser, position) => {
    if (!parser.accept('::'))
      return { kind, key: undefined, value: parser.string('a JSON string'), position };
    // Names of Kafka settings have dots: `::sasl.mechanism`.
    let key = parser.anyWord('a key');
    while (parser.accept('.')) key += `.${parser.anyWord('a key')}`;
    parser.expect('=');
    return { kind, key, value: parser.string('a string'), position };
  };
}

type NumberSettingKind =
  | 'setBatchIntervalMs'
  | 'setMaxPartitionsPerBatch'
  | 'setMaxOffsetsPerBatchPartition'
  | 'setMaxRetriesPerBatchPartition';

function numberSetting(kind: NumberSettingKind): SettingParser {
  return (parser, position) => ({ kind, value: parser.integer('a number'), position });
}

function parseOffsets(parser: Parser): PipelineOffsets {
  if (parser.atString) return { kind: 'json', text: parser.string('a JSON string') };
  return { kind: parser.choose({ EARLIEST: 'earliest', LATEST: 'latest' } as const) };
}

function parseDrop(parser: Parser, position: number): AlterPipelineClause {
  if (parser.accept('FILE')) return { kind: 'dropFile', file: parser.string('a file name'), position };
  if (parser.accept('PARTITION'))
    return { kind: 'dropPartition', partition: parser.string('a partition'), position };
  parser.expect('ORPHAN');
  return {
    kind: parser.choose({ FILES: 'dropOrphanFiles', PARTITIONS: 'dropOrphanPartitions' } as const),
    position,
  };
}
