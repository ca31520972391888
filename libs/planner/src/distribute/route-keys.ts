import type { TableDefinition } from '@millrace/catalog/definitions';
import type { ScalarValue } from '@millrace/values/column-batch';
import type { SqlType } from '@millrace/values/sql-type';
import type { BoundExpression, BoundLiteral } from '../bound/bound-expression.ts';
import { canonicalText } from '../render/render-expression.ts';
import { classOf } from '../types/type-class.ts';

/** More shard keys than this are not worth routing: the statement goes to every partition. */
const routedKeysMax = 128;

/** One column of a shard key: its canonical text and type. */
export interface KeyColumn {
  readonly text: string;
  readonly type: SqlType;
}

/** Shard keys outside of which the conditions hold for no row; `keys` are tuples in shard key order. */
export interface PinnedKeys {
  readonly table: TableDefinition;
  readonly keys: readonly (readonly ScalarValue[])[];
}

/**
 * The shard keys that conditions of the forms `k = constant` and `k IN (constants)` leave, undefined when they leave
 * open any column or too many tuples.
 */
export function routeKeys(
  table: TableDefinition,
  shardKey: readonly KeyColumn[],
  conditions: readonly BoundExpression[],
): PinnedKeys | undefined {
  if (shardKey.length === 0) return undefined;
  let keys: readonly (readonly ScalarValue[])[] = [[]];
  for (const column of shardKey) {
    const values = valuesOf(column, conditions);
    if (values === undefined || keys.length * values.length > routedKeysMax) return undefined;
    keys = keys.flatMap((key) => values.map((value) => [...key, value]));
  }
  return { table, keys };
}

function valuesOf(
  column: KeyColumn,
  conditions: readonly BoundExpression[],
): readonly ScalarValue[] | undefined {
  for (const condition of conditions) {
    const constants = constantsFor(column, condition);
    if (constants === undefined) continue;
    const values = constants
      .filter((constant) => constant.value !== null)
      .map((constant) => keyValue(column.type, constant));
    if (values.some((value) => value === undefined)) continue;
    return [...new Set(values as ScalarValue[])];
  }
  return undefined;
}

/** The constants that a condition compares the column with for equality. */
function constantsFor(column: KeyColumn, condition: BoundExpression): readonly BoundLiteral[] | undefined {
  if (condition.kind !== 'call' || (condition.operator !== '=' && condition.operator !== 'in'))
    return undefined;
  const [first, second] = condition.args;
  if (first === undefined || second === undefined) return undefined;
  const isColumn = (expression: BoundExpression) =>
    expression.kind === 'column' && canonicalText(expression) === column.text;
  const others = isColumn(first)
    ? condition.args.slice(1)
    : condition.operator === '=' && isColumn(second)
      ? [first]
      : [];
  if (others.length === 0) return undefined;
  const constants = others.filter((expression) => expression.kind === 'literal');
  return constants.length === others.length ? constants : undefined;
}

/** The constant in the form that rows of the column's type are hashed in; undefined when it has another type. */
function keyValue(type: SqlType, constant: BoundLiteral): ScalarValue | undefined {
  const columnClass = classOf(type);
  if (columnClass !== classOf(constant.type)) return undefined;
  switch (columnClass) {
    case 'integer':
    case 'text':
    case 'date':
    case 'datetime':
      return constant.value;
    default:
      return undefined;
  }
}
