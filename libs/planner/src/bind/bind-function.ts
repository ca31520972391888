import { MillraceError } from '@millrace/errors/millrace-error';
import type { FrameBound, FunctionCall, WindowSpecification } from '@millrace/sql/ast/expression';
import type { OrderItem } from '@millrace/sql/ast/query';
import type { BoundExpression, BoundOrder } from '../bound/bound-expression.ts';
import {
  type AggregateBinding,
  type AggregateFunction,
  aggregateFunctions,
  countRows,
} from '../functions/aggregates.ts';
import { addInterval } from '../functions/interval.ts';
import { bindScalarFunction, checkArgumentCount } from '../functions/scalar-functions.ts';
import { windowFunctions } from '../functions/windows.ts';
import { renderLiteral } from '../render/render-expression.ts';
import type { Binder } from './binder.ts';
import type { ExpressionEnvironment } from './expression-environment.ts';

type BindPart = (
  expression: FunctionCall['args'][number],
  environment: ExpressionEnvironment,
) => BoundExpression;

/** A call of a scalar function, an aggregate or a window function. */
export function bindFunction(
  binder: Binder,
  node: FunctionCall,
  environment: ExpressionEnvironment,
  bind: BindPart,
): BoundExpression {
  const aggregate = Object.hasOwn(aggregateFunctions, node.name) ? aggregateFunctions[node.name] : undefined;
  const window = Object.hasOwn(windowFunctions, node.name) ? windowFunctions[node.name] : undefined;
  if (node.over !== undefined) {
    const found = aggregate ?? window;
    if (found === undefined)
      throw new MillraceError('FUNCTION_UNKNOWN', `${node.name} is not a window function`);
    return bindWindow(node, node.over, found, environment, bind);
  }
  if (window !== undefined) throw new MillraceError('SQL_SYNTAX', `${node.name} needs an OVER clause`);
  if (aggregate !== undefined) return bindAggregate(node, aggregate, environment, bind);
  if (node.distinct || node.star || node.orderBy.length > 0) {
    throw new MillraceError('FUNCTION_ARGUMENTS', `${node.name} is not an aggregate`);
  }
  const dateSum = bindDateSum(node, environment, bind);
  if (dateSum !== undefined) return dateSum;
  return bindScalarFunction(
    node.name,
    node.args.map((arg) => bind(arg, environment)),
    binder.functions,
  );
}

/** DATE_ADD(d, INTERVAL n unit) and its relatives, and TIMESTAMPADD(unit, n, d). */
function bindDateSum(
  node: FunctionCall,
  environment: ExpressionEnvironment,
  bind: BindPart,
): BoundExpression | undefined {
  const [first, second, third] = node.args;
  if (second?.kind === 'interval' && first !== undefined && node.args.length === 2) {
    const signs: Readonly<Record<string, 1 | -1>> = { DATE_ADD: 1, ADDDATE: 1, DATE_SUB: -1, SUBDATE: -1 };
    const sign = Object.hasOwn(signs, node.name) ? signs[node.name] : undefined;
    if (sign === undefined) return undefined;
    return addInterval(bind(first, environment), bind(second.value, environment), second.unit, sign);
  }
  if (
    node.name === 'TIMESTAMPADD' &&
    first?.kind === 'intervalUnit' &&
    second !== undefined &&
    third !== undefined
  ) {
    return addInterval(bind(third, environment), bind(second, environment), first.unit, 1);
  }
  return undefined;
}

function bindAggregate(
  node: FunctionCall,
  aggregate: AggregateFunction,
  environment: ExpressionEnvironment,
  bind: BindPart,
): BoundExpression {
  if (!environment.aggregates)
    throw new MillraceError('GROUP_FUNCTION_MISUSE', 'Invalid use of group function');
  const inside = argumentEnvironment(environment);
  const orderBy = bindOrderItems(node.orderBy, inside, bind);
  const binding = bindAggregateArguments(node, aggregate, orderBy, inside, bind);
  return {
    kind: 'aggregate',
    name: node.name,
    args: binding.args,
    distinct: binding.impliesDistinct === true || (node.distinct && binding.ignoresDistinct !== true),
    orderBy: binding.sortsItself === true ? [] : orderBy,
    type: binding.type,
    nullable: binding.nullable,
    spec: binding.spec,
  };
}

/** Inside an aggregate: no further aggregate and no select aliases. */
function argumentEnvironment(environment: ExpressionEnvironment): ExpressionEnvironment {
  const { aliases: _aliases, ...rest } = environment;
  return { ...rest, aggregates: false, windows: false };
}

function bindAggregateArguments(
  node: FunctionCall,
  aggregate: AggregateFunction,
  orderBy: readonly BoundOrder[],
  environment: ExpressionEnvironment,
  bind: BindPart,
): AggregateBinding {
  if (node.star) return countRows();
  checkArgumentCount(node.name, node.args.length, aggregate);
  if (node.args.length > 1 && node.name === 'COUNT' && !node.distinct) {
    throw new MillraceError('FUNCTION_ARGUMENTS', 'COUNT takes several arguments only with DISTINCT');
  }
  const args = node.args.map((arg) => bind(arg, environment));
  return aggregate.bind(args, { distinct: node.distinct, orderBy, separator: node.separator });
}

function bindOrderItems(
  items: readonly OrderItem[],
  environment: ExpressionEnvironment,
  bind: BindPart,
): readonly BoundOrder[] {
  return items.map(({ expression, direction }) => ({
    expression: bind(expression, environment),
    descending: direction === 'desc',
  }));
}

function bindWindow(
  node: FunctionCall,
  over: WindowSpecification,
  window: AggregateFunction,
  environment: ExpressionEnvironment,
  bind: BindPart,
): BoundExpression {
  if (!environment.windows) {
    throw new MillraceError(
      'GROUP_FUNCTION_MISUSE',
      `window function ${node.name} is not allowed in ${environment.clause}`,
    );
  }
  const inside = { ...environment, windows: false };
  const binding = bindAggregateArguments(node, window, [], inside, bind);
  return {
    kind: 'window',
    name: node.name,
    args: binding.args,
    distinct: node.distinct && binding.ignoresDistinct !== true,
    spec: binding.spec,
    type: binding.type,
    nullable: binding.nullable,
    partitionBy: over.partitionBy.map((expression) => bind(expression, inside)),
    orderBy: bindOrderItems(over.orderBy, inside, bind),
    frame:
      over.frame === undefined
        ? ''
        : frameSql(over.frame.unit, over.frame.start, over.frame.end, inside, bind),
  };
}

function frameSql(
  unit: 'rows' | 'range',
  start: FrameBound,
  end: FrameBound | undefined,
  environment: ExpressionEnvironment,
  bind: BindPart,
): string {
  const first = boundSql(start, environment, bind);
  return `${unit.toUpperCase()} BETWEEN ${first} AND ${end === undefined ? 'CURRENT ROW' : boundSql(end, environment, bind)}`;
}

function boundSql(bound: FrameBound, environment: ExpressionEnvironment, bind: BindPart): string {
  switch (bound.kind) {
    case 'unboundedPreceding':
      return 'UNBOUNDED PRECEDING';
    case 'unboundedFollowing':
      return 'UNBOUNDED FOLLOWING';
    case 'currentRow':
      return 'CURRENT ROW';
    default: {
      const offset = bind(bound.offset, environment);
      if (offset.kind !== 'literal' || offset.value === null) {
        throw new MillraceError('SQL_UNSUPPORTED', 'a window frame needs constant bounds');
      }
      return `${renderLiteral(offset)} ${bound.kind.toUpperCase()}`;
    }
  }
}
