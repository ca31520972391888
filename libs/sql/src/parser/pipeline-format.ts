import type {
  AvroFormat,
  CreatePipeline,
  CsvFormat,
  FieldMapping,
  FieldTarget,
  JsonFormat,
  ParquetFormat,
} from '../ast/create-pipeline.ts';
import { csvFormatDefaults } from '../ast/create-pipeline.ts';
import { parseCharacterSetName } from './data-type.ts';
import { parseDefaultValue } from './default-value.ts';
import { parseExpression } from './expression.ts';
import type { Parser } from './parser.ts';
import { parseColumn } from './primary.ts';
import { parseAssignments } from './statements/insert.ts';

/** The part of a pipeline that says how records become rows. */
type Loading = Pick<CreatePipeline, 'format' | 'assignments' | 'where' | 'onDuplicateKeyUpdate'>;
type Draft<Part> = { -readonly [Key in keyof Part]: Part[Key] };
type Format = Draft<CsvFormat> | Draft<JsonFormat> | Draft<AvroFormat> | Draft<ParquetFormat>;

/** Parses what follows the target of a pipeline: FORMAT first, then its clauses, SET, WHERE and the rest in any order. */
export function parsePipelineFormat(parser: Parser): Loading {
  const format = parseFormatWord(parser);
  const draft: Draft<Loading> = { format, assignments: [], where: undefined, onDuplicateKeyUpdate: [] };
  while (!parser.atEnd) {
    if (draft.assignments.length === 0 && parser.accept('SET')) {
      draft.assignments = parsePipelineAssignments(parser);
    } else if (draft.where === undefined && parser.accept('WHERE')) {
      draft.where = parseExpression(parser);
    } else if (
      draft.onDuplicateKeyUpdate.length === 0 &&
      parser.acceptAll('ON', 'DUPLICATE', 'KEY', 'UPDATE')
    ) {
      draft.onDuplicateKeyUpdate = parsePipelineAssignments(parser);
    } else if (!parseFormatClause(parser, format)) {
      parser.fail(`a clause of FORMAT ${format.kind.toUpperCase()}`);
    }
  }
  return draft;
}

function parsePipelineAssignments(parser: Parser): Loading['assignments'] {
  if (parser.tokens.kind() === 'userVariable') parser.unsupported('SET of a variable in a pipeline');
  return parseAssignments(parser);
}

function parseFormatWord(parser: Parser): Format {
  if (!parser.accept('FORMAT')) return { ...csvFormatDefaults };
  const kind = parser.choose({ CSV: 'csv', JSON: 'json', AVRO: 'avro', PARQUET: 'parquet' } as const);
  switch (kind) {
    case 'csv':
      return { ...csvFormatDefaults };
    case 'json':
      return { kind, mappings: [], kafkaKey: [] };
    case 'avro':
      return { kind, schemaRegistry: undefined, schema: undefined, mappings: [], kafkaKey: [] };
    case 'parquet':
      return { kind, mappings: [], timezone: undefined };
  }
}

/** Takes one clause of the format. False: none is here. */
function parseFormatClause(parser: Parser, format: Format): boolean {
  if (format.kind === 'csv') return parseCsvClause(parser, format);
  if (parser.at('(') && format.mappings.length === 0) {
    format.mappings = parseMappings(parser, format.kind !== 'avro');
    return true;
  }
  switch (format.kind) {
    case 'json':
      return parseKafkaKey(parser, format, true);
    case 'avro':
      return parseAvroClause(parser, format);
    case 'parquet':
      if (!parser.accept('TIMEZONE')) return false;
      format.timezone = parser.string('a time zone');
      return true;
  }
}

function parseKafkaKey(
  parser: Parser,
  format: Draft<JsonFormat> | Draft<AvroFormat>,
  defaults: boolean,
): boolean {
  if (!parser.acceptAll('KAFKA', 'KEY')) return false;
  format.kafkaKey = parseMappings(parser, defaults);
  return true;
}

function parseAvroClause(parser: Parser, format: Draft<AvroFormat>): boolean {
  if (parser.acceptAll('SCHEMA', 'REGISTRY')) format.schemaRegistry = parser.string('an address');
  else if (parser.accept('SCHEMA')) format.schema = parser.string('a JSON string');
  else return parseKafkaKey(parser, format, false);
  return true;
}

function parseMappings(parser: Parser, defaults: boolean): FieldMapping[] {
  return parser.parenthesized(() => {
    const target = parseFieldTarget(parser);
    parser.expect('<', '-');
    const path = parsePath(parser);
    const fallback = defaults && parser.accept('DEFAULT') ? parseDefaultValue(parser) : undefined;
    return { target, path, default: fallback };
  });
}

/** `%` is the whole value; a `%::` before the keys may be left out. Keys may be any word. */
function parsePath(parser: Parser): string[] {
  const path: string[] = [];
  if (!parser.accept('%')) path.push(parser.anyWord('a field path'));
  while (parser.accept('::')) path.push(parser.anyWord('a field name'));
  return path;
}

function parseFieldTarget(parser: Parser): FieldTarget {
  const { tokens, position } = parser;
  if (parser.accept('@')) return { kind: 'discard', position };
  if (tokens.kind() !== 'userVariable') return { kind: 'column', name: parseColumn(parser).name, position };
  const name = tokens.value();
  tokens.advance();
  return { kind: 'variable', name, position };
}

function parseCsvClause(parser: Parser, format: Draft<CsvFormat>): boolean {
  if (parser.at('(') && format.fields.length === 0) {
    format.fields = parser.parenthesized(() => parseFieldTarget(parser));
  } else if (parser.acceptAny('FIELDS', 'COLUMNS') !== undefined) {
    parseFieldsClause(parser, format);
  } else if (parser.accept('LINES')) {
    parseLinesClause(parser, format);
  } else if (parser.accept('TRAILING')) {
    parser.expect('NULLCOLS');
    format.trailingNullcols = true;
  } else if (parser.accept('NULL')) {
    parser.expect('DEFINED', 'BY');
    format.nullDefinedBy = parser.string('a string');
    format.nullOptionallyEnclosed = parser.acceptAll('OPTIONALLY', 'ENCLOSED');
  } else if (parser.accept('IGNORE')) {
    format.ignoreLines = parser.integer('a number of lines');
    parser.expect('LINES');
  } else if (parser.acceptAll('CHARACTER', 'SET')) {
    format.characterSet = parseCharacterSetName(parser);
  } else {
    return false;
  }
  return true;
}

function parseFieldsClause(parser: Parser, format: Draft<CsvFormat>): void {
  let parts = 0;
  for (;;) {
    if (parser.acceptAll('TERMINATED', 'BY')) {
      format.fieldsTerminatedBy = parser.string('a string');
    } else if (parser.at('ENCLOSED') || parser.atAll('OPTIONALLY', 'ENCLOSED')) {
      format.optionallyEnclosed = parser.accept('OPTIONALLY');
      parser.expect('ENCLOSED', 'BY');
      format.enclosedBy = parseOneCharacter(parser);
    } else if (parser.acceptAll('ESCAPED', 'BY')) {
      format.escapedBy = parseOneCharacter(parser);
    } else if (parts === 0) {
      parser.fail('TERMINATED, ENCLOSED or ESCAPED');
    } else {
      return;
    }
    parts += 1;
  }
}

function parseLinesClause(parser: Parser, format: Draft<CsvFormat>): void {
  let parts = 0;
  for (;;) {
    if (parser.acceptAll('TERMINATED', 'BY')) format.linesTerminatedBy = parser.string('a string');
    else if (parser.acceptAll('STARTING', 'BY')) format.linesStartingBy = parser.string('a string');
    else if (parts === 0) parser.fail('TERMINATED or STARTING');
    else return;
    parts += 1;
  }
}

function parseOneCharacter(parser: Parser): string {
  const position = parser.position;
  const text = parser.string('a string');
  if ([...text].length > 1) throw parser.errorAt(position, 'found several characters, expected one or none');
  return text;
}
