import { MillraceError } from '@millrace/errors/millrace-error';
import type { TableSchema } from '@millrace/proto/millrace/common/v1/schema';
import type { Value } from '@millrace/proto/millrace/common/v1/values';
import {
  BadRows,
  type CsvFormat,
  type MappedField,
  type Shape,
} from '@millrace/proto/millrace/extractor/v1/extractor';
import { typeFromProto, valueFromProto } from '@millrace/rpc/values';
import type { CsvDialect } from '../formats/csv-dialect.ts';
import type {
  ColumnSource,
  DefaultText,
  FieldSource,
  PlannedColumn,
  PlannedFormat,
  PlannedVariable,
  RowPlan,
} from '../rows/row-plan.ts';
import { isBinaryType } from '../rows/slice-columns.ts';

/**
 * Resolves the shape of a pipeline against its table.
 *
 * @throws MillraceError PIPELINE_DEFINITION, COLUMN_UNKNOWN for a shape that does not fit the table.
 */
export function planFromProto(shape: Shape, table: TableSchema): RowPlan {
  const columns = table.columns.map(({ name, type, nullable }) => ({
    name,
    nullable,
    type: typeFromProto(type),
  }));
  const indexOf = (name: string): number => {
    const index = columns.findIndex((column) => column.name === name);
    if (index < 0) throw new MillraceError('COLUMN_UNKNOWN', `table '${table.name}' has no column '${name}'`);
    return index;
  };
  const mapped =
    shape.fields.length > 0 || shape.format?.$case === 'json'
      ? shape.fields
      : columns.map(({ name }) => columnField(name));
  const fields = new FieldNumbers(shape.format?.$case === 'json');
  const sources: ColumnSource[] = columns.map(() => ({ kind: 'null' }));
  const variables: PlannedVariable[] = [];
  for (const [position, field] of mapped.entries()) {
    const { target } = field;
    if (target === undefined || target.$case === 'discard') {
      fields.discard(position);
    } else if (target.$case === 'variable') {
      variables.push({ name: target.variable, source: fields.source(field, position, false) });
    } else {
      const index = indexOf(target.column);
      if (sources[index]?.kind !== 'null') throw invalid(`column '${target.column}' is mapped twice`);
      sources[index] = fields.source(field, position, columns[index]?.type.kind === 'json');
    }
  }
  for (const { column, expression } of [...shape.defaults, ...shape.set]) {
    sources[indexOf(column)] = { kind: 'expression', expression };
  }
  const planned: PlannedColumn[] = columns.map((column, index) => ({
    ...column,
    source: sources[index] ?? { kind: 'null' },
  }));
  return {
    tableName: table.name,
    format: formatOf(shape, fields, planned),
    columns: planned,
    variables,
    where: shape.where,
    shardKey: table.reference ? [] : table.shardKey.map(indexOf),
    ordered: table.uniqueKeys.length > 0,
    skip: {
      parser: shape.onParseError === BadRows.SKIP,
      constraint: shape.onConstraintError === BadRows.SKIP,
    },
  };
}

function columnField(name: string): MappedField {
  return { target: { $case: 'column', column: name }, path: [], hasDefault: false, default: undefined };
}

/** Gives fields their numbers: their position for CSV, one per path and form for JSON. */
class FieldNumbers {
  readonly isJson: boolean;
  readonly json: { readonly path: readonly string[]; readonly asJson: boolean }[] = [];
  readonly required = new Map<number, string>();
  readonly csv: ('discard' | 'text')[] = [];
  readonly #numbers = new Map<string, number>();

  constructor(isJson: boolean) {
    this.isJson = isJson;
  }

  discard(position: number): void {
    this.csv[position] = 'discard';
  }

  source(mapped: MappedField, position: number, asJson: boolean): FieldSource {
    const fallback = mapped.hasDefault ? defaultText(mapped.default) : undefined;
    if (!this.isJson) {
      this.csv[position] = 'text';
      return { kind: 'field', field: position, fallback };
    }
    const key = JSON.stringify([mapped.path, asJson]);
    const field = this.#numbers.get(key) ?? this.json.length;
    if (field === this.json.length) {
      this.#numbers.set(key, field);
      this.json.push({ path: mapped.path, asJson });
    }
    if (fallback === undefined) this.required.set(field, pathLabel(mapped.path));
    return { kind: 'field', field, fallback };
  }
}

function pathLabel(path: readonly string[]): string {
  return path.length === 0 ? '%' : path.map((key) => `\`${key}\``).join('::');
}

function defaultText(value: Value | undefined): DefaultText {
  const scalar = value === undefined ? null : valueFromProto(value);
  if (scalar === null) return null;
  return Buffer.from(scalar instanceof Uint8Array ? scalar : String(scalar));
}

function formatOf(shape: Shape, fields: FieldNumbers, columns: readonly PlannedColumn[]): PlannedFormat {
  switch (shape.format?.$case) {
    case 'json':
      return {
        kind: 'json',
        fields: fields.json,
        required: [...fields.required].map(([field, label]) => ({ field, label })),
      };
    case 'csv': {
      const binary = new Set(
        columns.flatMap(({ type, source }) =>
          source.kind === 'field' && isBinaryType(type) ? [source.field] : [],
        ),
      );
      return {
        kind: 'csv',
        dialect: dialectFromProto(shape.format.csv),
        fields: fields.csv.map((mode, field) => (mode === 'text' && binary.has(field) ? 'bytes' : mode)),
      };
    }
    case undefined:
      throw invalid('the pipeline has no format');
  }
}

function dialectFromProto(csv: CsvFormat): CsvDialect {
  const enclosedBy = oneByte('FIELDS ENCLOSED BY', csv.fieldsEnclosedBy);
  const escapedBy = oneByte('FIELDS ESCAPED BY', csv.fieldsEscapedBy);
  if (csv.fieldsTerminatedBy === '' && enclosedBy.length === 0) {
    throw invalid('FIELDS TERMINATED BY must not be empty: fixed-width fields are not supported');
  }
  return {
    fieldsTerminatedBy: Buffer.from(csv.fieldsTerminatedBy),
    fieldsEnclosedBy: enclosedBy,
    fieldsEscapedBy: escapedBy,
    linesTerminatedBy: Buffer.from(csv.linesTerminatedBy),
    linesStartingBy: Buffer.from(csv.linesStartingBy),
    trailingNullcols: csv.trailingNullcols,
    nullDefinedBy: csv.hasNullDefinedBy ? Buffer.from(csv.nullDefinedBy) : undefined,
    nullOptionallyEnclosed: csv.nullOptionallyEnclosed,
    ignoreLines: csv.ignoreLines,
  };
}

function oneByte(clause: string, text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length > 1) throw invalid(`${clause} '${text}' must be one byte`);
  return bytes;
}

function invalid(message: string): MillraceError {
  return new MillraceError('PIPELINE_DEFINITION', message);
}
