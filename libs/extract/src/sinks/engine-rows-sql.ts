import { checkedValueExpression } from '@millrace/engine/duckdb-type';
import { partitionExpression } from '@millrace/engine/shard-hash';
import { quoteIdentifier, quoteLiteral } from '@millrace/engine/sql-text';
import type { FieldSource, RowPlan } from '../rows/row-plan.ts';
import { isBinaryType } from '../rows/slice-columns.ts';
import { rowsPerSpread } from './row-spreader.ts';

/** A column of the staging file: text (or bytes) of one mapped column or variable. */
export interface StagedColumn {
  readonly name: string;
  readonly binary: boolean;
  readonly source: FieldSource;
}

/** What is staged for the engine: mapped columns as `c<index>`, variables as `v<index>`. */
export function stagedColumns(plan: RowPlan): StagedColumn[] {
  const staged: StagedColumn[] = [];
  for (const [index, { type, source }] of plan.columns.entries()) {
    if (source.kind === 'field') staged.push({ name: `c${index}`, binary: isBinaryType(type), source });
  }
  for (const [index, { source }] of plan.variables.entries()) {
    staged.push({ name: `v${index}`, binary: false, source });
  }
  return staged;
}

const rowNumber = 'file_row_number';

/** The name of the column with the partition of the row, which no column of the table has. */
export function partitionColumn(plan: RowPlan): string {
  return `${rowPrefix(plan)}partition`;
}

export interface EngineRowsOptions {
  readonly plan: RowPlan;
  /** Path of the staging file. */
  readonly input: string;
  /** Rows of the file to leave out. */
  readonly exclude: readonly number[];
  /** Only these rows of the file; `end` is exclusive. */
  readonly rows?: { readonly first: number; readonly end: number };
  /** Adds the partition of each row. `rowsBefore` rows of the batch came before this file. */
  readonly partitioning?: {
    readonly partitionCount: number;
    readonly batchId: bigint;
    readonly rowsBefore: number;
    /** Adds the number of each row as well, as {@link numberColumn}. */
    readonly numbered: boolean;
  };
}

/**
 * SQL of the table's rows from a staging file: SET and DEFAULT are evaluated over the variables, every column is
 * converted to its stored type and checked, then WHERE filters.
 */
export function engineRowsSql(options: EngineRowsOptions): string {
  const { plan, input, exclude, rows, partitioning } = options;
  const prefix = rowPrefix(plan);
  const number = quoteIdentifier(numberColumn(plan));
  const conditions = [
    ...(rows === undefined ? [] : [`${rowNumber} BETWEEN ${rows.first} AND ${rows.end - 1}`]),
    ...(exclude.length === 0 ? [] : [`${rowNumber} NOT IN (${exclude.join(', ')})`]),
  ];
  const filter = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
  const variables = plan.variables.map(({ name }) => quoteIdentifier(`@${name}`));
  const raw = plan.columns.map(({ source }, index) => {
    if (source.kind === 'null') return 'NULL';
    return source.kind === 'field' ? `c${index}` : source.expression;
  });
  const staged = [
    `${rowNumber} AS ${number}`,
    ...plan.variables.map((_, index) => `v${index} AS ${variables[index]}`),
    ...plan.columns.flatMap(({ source }, index) => (source.kind === 'field' ? [`c${index}`] : [])),
  ];
  const fromFile = `SELECT ${staged.join(', ')} FROM read_parquet(${quoteLiteral(input)}, file_row_number = true)${filter}`;
  const values = plan.columns.map((_, index) => `${raw[index]} AS ${quoteIdentifier(`${prefix}${index}`)}`);
  const evaluated = `SELECT ${[number, ...variables, ...values].join(', ')} FROM (${fromFile})`;
  const checked = plan.columns.map((column, index) => {
    const expression = quoteIdentifier(`${prefix}${index}`);
    return `${checkedValueExpression(column, expression)} AS ${quoteIdentifier(column.name)}`;
  });
  const converted = `SELECT ${[number, ...variables, ...checked].join(', ')} FROM (${evaluated})`;
  const columns = plan.columns.map(({ name }) => quoteIdentifier(name));
  if (partitioning !== undefined) columns.push(partitionSql(plan, number, partitioning));
  if (partitioning?.numbered === true) columns.push(number);
  const where = plan.where === '' ? '' : ` WHERE ${plan.where}`;
  return `SELECT ${columns.join(', ')} FROM (${converted})${where}`;
}

function partitionSql(
  plan: RowPlan,
  number: string,
  { partitionCount, batchId, rowsBefore }: NonNullable<EngineRowsOptions['partitioning']>,
): string {
  const name = quoteIdentifier(partitionColumn(plan));
  if (partitionCount === 1) return `0 AS ${name}`;
  if (plan.shardKey.length === 0) {
    const start = Number(batchId % BigInt(partitionCount));
    return `CAST((${start} + (${number} + ${rowsBefore}) // ${rowsPerSpread}) % ${partitionCount} AS INTEGER) AS ${name}`;
  }
  const key = plan.shardKey.map((index) => {
    const column = plan.columns[index];
    if (column === undefined) throw new RangeError(`shard key column ${index}`);
    return { type: column.type, expression: quoteIdentifier(column.name) };
  });
  return `${partitionExpression(key, partitionCount)} AS ${name}`;
}

/** The name of the column with the number of the row in the staging file. */
export function numberColumn(plan: RowPlan): string {
  return `${rowPrefix(plan)}row`;
}

/** A prefix for our own column names that no column of the table begins with. */
function rowPrefix(plan: RowPlan): string {
  let prefix = 'millrace_';
  while (plan.columns.some(({ name }) => name.toLowerCase().startsWith(prefix))) prefix = `_${prefix}`;
  return prefix;
}
