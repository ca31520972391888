import type {
  AvroFormat,
  CsvFormat,
  FieldMapping,
  FieldTarget,
  JsonFormat,
  ParquetFormat,
  PipelineFormat,
} from '../ast/create-pipeline.ts';
import { printUserVariable } from './expression.ts';
import { quoteIdentifier, quoteString } from './quote.ts';
import { printDefault } from './statements/create-table.ts';

/**
 * The lines that describe the format of a pipeline.
 *
 * @param tableName qualifies the columns, as SHOW CREATE PIPELINE does; undefined for a procedure
 */
export function printPipelineFormat(format: PipelineFormat, tableName: string | undefined): string[] {
  switch (format.kind) {
    case 'csv':
      return printCsv(format, tableName);
    case 'json':
      return printJson(format, tableName);
    case 'avro':
      return printAvro(format, tableName);
    case 'parquet':
      return printParquet(format, tableName);
  }
}

function printCsv(format: CsvFormat, tableName: string | undefined): string[] {
  const enclosed = `${format.optionallyEnclosed ? 'OPTIONALLY ' : ''}ENCLOSED BY ${quoteString(format.enclosedBy)}`;
  const lines = [
    `FIELDS TERMINATED BY ${quoteString(format.fieldsTerminatedBy)} ${enclosed} ESCAPED BY ${quoteString(format.escapedBy)}`,
    `LINES TERMINATED BY ${quoteString(format.linesTerminatedBy)} STARTING BY ${quoteString(format.linesStartingBy)}`,
  ];
  if (format.trailingNullcols) lines.push('TRAILING NULLCOLS');
  if (format.nullDefinedBy !== undefined) {
    const enclosedToo = format.nullOptionallyEnclosed ? ' OPTIONALLY ENCLOSED' : '';
    lines.push(`NULL DEFINED BY ${quoteString(format.nullDefinedBy)}${enclosedToo}`);
  }
  if (format.ignoreLines > 0n) lines.push(`IGNORE ${format.ignoreLines} LINES`);
  if (format.characterSet !== undefined) lines.push(`CHARACTER SET ${quoteIdentifier(format.characterSet)}`);
  if (format.fields.length > 0)
    lines.push(printBlock(format.fields.map((field) => printTarget(field, tableName))));
  return lines;
}

function printJson({ mappings, kafkaKey }: JsonFormat, tableName: string | undefined): string[] {
  return [
    'FORMAT JSON',
    ...printMappings('', mappings, tableName),
    ...printMappings('KAFKA KEY ', kafkaKey, tableName),
  ];
}

function printAvro(format: AvroFormat, tableName: string | undefined): string[] {
  const { schemaRegistry, schema, mappings, kafkaKey } = format;
  const registry = schemaRegistry === undefined ? '' : ` SCHEMA REGISTRY ${quoteString(schemaRegistry)}`;
  const lines = [`FORMAT AVRO${registry}`, ...printMappings('', mappings, tableName)];
  if (schema !== undefined) lines.push(`SCHEMA ${quoteString(schema)}`);
  return [...lines, ...printMappings('KAFKA KEY ', kafkaKey, tableName)];
}

function printParquet({ mappings, timezone }: ParquetFormat, tableName: string | undefined): string[] {
  const lines = ['FORMAT PARQUET', ...printMappings('', mappings, tableName)];
  if (timezone !== undefined) lines.push(`TIMEZONE ${quoteString(timezone)}`);
  return lines;
}

function printMappings(
  prefix: string,
  mappings: readonly FieldMapping[],
  tableName: string | undefined,
): string[] {
  if (mappings.length === 0) return [];
  return [`${prefix}${printBlock(mappings.map((mapping) => printMapping(mapping, tableName)))}`];
}

function printMapping(
  { target, path, default: fallback }: FieldMapping,
  tableName: string | undefined,
): string {
  const source = path.length === 0 ? '%' : path.map(quoteIdentifier).join('::');
  const suffix = fallback === undefined ? '' : ` DEFAULT ${printDefault(fallback)}`;
  return `${printTarget(target, tableName)} <- ${source}${suffix}`;
}

function printTarget(target: FieldTarget, tableName: string | undefined): string {
  if (target.kind === 'discard') return '@';
  if (target.kind === 'variable') return printUserVariable(target.name);
  return tableName === undefined
    ? quoteIdentifier(target.name)
    : `${quoteIdentifier(tableName)}.${quoteIdentifier(target.name)}`;
}

function printBlock(items: readonly string[]): string {
  return `(\n${items.map((item) => `    ${item}`).join(',\n')}\n)`;
}
