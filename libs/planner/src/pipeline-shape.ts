import type { ColumnDefinition, TableDefinition } from '@millrace/catalog/definitions';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { CreatePipeline, CsvFormat, FieldMapping, FieldTarget } from '@millrace/sql/ast/create-pipeline';
import type { Expression } from '@millrace/sql/ast/expression';
import type { ScalarValue } from '@millrace/values/column-batch';
import { bindConditions, bindExpression } from './bind/bind-expression.ts';
import { bindQuery } from './bind/bind-query.ts';
import { Binder } from './bind/binder.ts';
import type { ExpressionEnvironment } from './bind/expression-environment.ts';
import { emptyScope, sameName, scopeOf } from './bind/name-scope.ts';
import type { BindContext } from './bind-context.ts';
import type { BoundColumn } from './bound/bound-expression.ts';
import { type RenderScope, renderExpression } from './render/render-expression.ts';
import { renderOutput } from './render/render-query.ts';
import { quoteIdentifier } from './render/sql-text.ts';
import { assignable, defaultValue, isDefault, targetColumn } from './statements/target-table.ts';
import { longtextType } from './types/type-class.ts';

export type { FieldTarget } from '@millrace/sql/ast/create-pipeline';

/** How the records of a pipeline become rows of its table. */
export interface PipelineShape {
  readonly format: { readonly kind: 'json' } | CsvFormat;
  /** For CSV the position in the list is the field. */
  readonly fields: readonly ShapeField[];
  readonly set: readonly ShapeColumn[];
  /** DuckDB condition over columns and `"@v"`; empty keeps every row. */
  readonly where: string;
  /** Rows that cannot be parsed are left out with a warning. */
  readonly skipParseErrors: boolean;
  readonly skipConstraintErrors: boolean;
  readonly transform: ShapeTransform | undefined;
  /** Constant expressions for columns that are neither mapped nor SET. */
  readonly defaults: readonly ShapeColumn[];
}

export interface ShapeField {
  readonly target: FieldTarget;
  /** Keys from the top of a JSON document; empty is the whole value. */
  readonly path: readonly string[];
  /** Undefined: a missing path is an error. */
  readonly default: ScalarValue | undefined;
}

/** A column and the DuckDB expression of its value, in which `@v` is the quoted identifier `"@v"` (VARCHAR). */
export interface ShapeColumn {
  readonly column: string;
  readonly expression: string;
}

export interface ShapeTransform {
  readonly uri: string;
  readonly executable: string;
  readonly arguments: string;
}

const variableRelation = 'variables';

/** Table columns by name and `@v` by its name with the sign. */
const shapeScope: RenderScope = {
  column: ({ column }) => quoteIdentifier(column),
  query: () => {
    throw new MillraceError('SQL_UNSUPPORTED', 'subqueries in a pipeline are not supported');
  },
};

/**
 * Binds mapping, SET and WHERE of a pipeline against its table.
 *
 * @throws PIPELINE_DEFINITION, COLUMN_UNKNOWN, NO_DEFAULT, SQL_UNSUPPORTED and the errors of expressions
 */
export function bindPipelineShape(
  statement: CreatePipeline,
  table: TableDefinition,
  context: BindContext,
): PipelineShape {
  const fields = shapeFields(statement, table);
  const variables = fields.flatMap(({ target }) => (target.kind === 'variable' ? [target.name] : []));
  const binder = new Binder(context);
  const environment = shapeEnvironment(variables);
  const set = statement.assignments.map(({ column: name, value }): ShapeColumn => {
    const column = targetColumn(table, name.name);
    const bound = isDefault(value)
      ? defaultValue(column, context)
      : bindExpression(binder, value, environment, bindQuery);
    return { column: column.name, expression: renderExpression(assignable(bound, column), shapeScope) };
  });
  requireOnce([...new Set(set.map(({ column }) => column))].length === set.length, 'a column is SET twice');
  const given = new Set([
    ...set.map(({ column }) => column),
    ...fields.flatMap(({ target }) => (target.kind === 'column' ? [target.name] : [])),
  ]);
  return {
    format: shapeFormat(statement),
    fields,
    set,
    where: shapeWhere(statement, table, binder, environment),
    skipParseErrors: skipsParseErrors(statement),
    skipConstraintErrors: skipsConstraintErrors(statement),
    transform: shapeTransform(statement),
    defaults: table.columns
      .filter((column) => !given.has(column.name))
      .flatMap((column) => shapeDefault(column, context)),
  };
}

function requireOnce(holds: boolean, message: string): void {
  if (!holds) throw new MillraceError('PIPELINE_DEFINITION', message);
}

function shapeFormat({ format }: CreatePipeline): PipelineShape['format'] {
  switch (format.kind) {
    case 'json':
      return { kind: 'json' };
    case 'csv':
      return format;
    default:
      throw new MillraceError('SQL_UNSUPPORTED', `FORMAT ${format.kind.toUpperCase()} is not supported yet`);
  }
}

function shapeFields({ format }: CreatePipeline, table: TableDefinition): readonly ShapeField[] {
  const fields = format.kind === 'csv' ? csvFields(format, table) : jsonFields(format, table);
  const columns = fields.flatMap(({ target }) => (target.kind === 'column' ? [target.name] : []));
  const twice = columns.find((name, at) => columns.indexOf(name) < at);
  if (twice !== undefined)
    throw new MillraceError('PIPELINE_DEFINITION', `column '${twice}' is mapped twice`);
  return fields;
}

function csvFields(format: CsvFormat, table: TableDefinition): readonly ShapeField[] {
  const targets =
    format.fields.length > 0
      ? format.fields
      : table.columns.map(({ name }): FieldTarget => ({ kind: 'column', name, position: 0 }));
  return targets.map((target) => ({ target: knownTarget(target, table), path: [], default: undefined }));
}

function jsonFields(
  format: Exclude<CreatePipeline['format'], CsvFormat>,
  table: TableDefinition,
): readonly ShapeField[] {
  if ('kafkaKey' in format && format.kafkaKey.length > 0) {
    throw new MillraceError('SQL_UNSUPPORTED', 'KAFKA KEY is not supported yet');
  }
  return format.mappings.map((mapping: FieldMapping) => ({
    target: knownTarget(mapping.target, table),
    path: mapping.path,
    default: mapping.default === undefined ? undefined : constant(mapping.default),
  }));
}

/** The target with the column's name as it is defined. */
function knownTarget(target: FieldTarget, table: TableDefinition): FieldTarget {
  return target.kind === 'column' ? { ...target, name: targetColumn(table, target.name).name } : target;
}

/** The value of a DEFAULT in a mapping: a literal or signed number. */
function constant(expression: Expression): ScalarValue {
  const sign = expression.kind === 'unary' && expression.operator === '-' ? '-' : '';
  const operand =
    expression.kind === 'unary' && (expression.operator === '-' || expression.operator === '+')
      ? expression.operand
      : expression;
  switch (operand.kind) {
    case 'null':
      return null;
    case 'boolean':
      return operand.value ? 1n : 0n;
    case 'integer':
      return sign === '-' ? -operand.value : operand.value;
    case 'decimal':
    case 'double':
    case 'temporal':
      return `${sign}${operand.text}`;
    case 'string':
      return operand.value;
    case 'blob':
      return Buffer.from(operand.hex, 'hex');
    default:
      throw new MillraceError('PIPELINE_DEFINITION', 'DEFAULT of a mapping must be a constant');
  }
}

function shapeEnvironment(variables: readonly string[]): ExpressionEnvironment {
  return {
    clause: 'SET, which sees @variables but no columns',
    scope: emptyScope,
    parent: undefined,
    ctes: undefined,
    aggregates: false,
    windows: false,
    userVariable: (name): BoundColumn => {
      const variable = variables.find((candidate) => sameName(candidate, name));
      if (variable === undefined)
        throw new MillraceError('PIPELINE_DEFINITION', `no field is mapped to @${name}`);
      return {
        kind: 'column',
        relation: variableRelation,
        column: `@${variable}`,
        type: longtextType,
        nullable: true,
        label: `@${variable}`,
      };
    },
  };
}

/** WHERE sees the columns of the table after SET. */
function shapeWhere(
  { where }: CreatePipeline,
  table: TableDefinition,
  binder: Binder,
  environment: ExpressionEnvironment,
): string {
  const relation = {
    kind: 'relation',
    id: 'target',
    alias: table.name,
    source: { kind: 'virtual', view: table.name },
    columns: table.columns.map(({ name, type, nullable }) => ({ name, sqlName: name, type, nullable })),
  } as const;
  const inside: ExpressionEnvironment = { ...environment, clause: 'where clause', scope: scopeOf(relation) };
  return bindConditions(binder, where, inside, bindQuery)
    .map((condition) => renderExpression(condition, shapeScope))
    .join(' AND ');
}

function skipsParseErrors({ conflictHandling, format }: CreatePipeline): boolean {
  const skips =
    conflictHandling === 'skipParser' || conflictHandling === 'skipAll' || conflictHandling === 'ignore';
  if (skips && format.kind !== 'csv') {
    throw new MillraceError(
      'PIPELINE_DEFINITION',
      'IGNORE, SKIP PARSER ERRORS and SKIP ALL ERRORS need FORMAT CSV',
    );
  }
  return skips;
}

function skipsConstraintErrors({ conflictHandling }: CreatePipeline): boolean {
  return (
    conflictHandling === 'skipConstraint' || conflictHandling === 'skipAll' || conflictHandling === 'ignore'
  );
}

function shapeTransform({ transform }: CreatePipeline): ShapeTransform | undefined {
  if (transform === undefined) return undefined;
  return { uri: transform.uri, executable: transform.executable, arguments: transform.arguments };
}

/** Columns without a default are NULL by themselves. */
function shapeDefault(column: ColumnDefinition, context: BindContext): readonly ShapeColumn[] {
  const value = defaultValue(column, context);
  if (value.kind === 'literal' && value.value === null) return [];
  return [{ column: column.name, expression: renderOutput(value, shapeScope) }];
}
