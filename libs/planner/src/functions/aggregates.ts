import { MillraceError } from '@millrace/errors/millrace-error';
import { duckdbTypeOf } from '@millrace/values/duckdb-type-of';
import type { SqlType } from '@millrace/values/sql-type';
import type {
  AggregateModifiers,
  AggregatePhases,
  AggregateSpec,
  BoundExpression,
  BoundOrder,
} from '../bound/bound-expression.ts';
import { canonicalText, renderExpression } from '../render/render-expression.ts';
import { quoteLiteral } from '../render/sql-text.ts';
import { asBits, asDouble, asNumber, asText, asValue } from '../types/convert.ts';
import {
  bigintType,
  bigintUnsignedType,
  classOf,
  decimalShapeOf,
  decimalType,
  doubleType,
  longtextType,
} from '../types/type-class.ts';
import { quotientShape } from './operators.ts';

/** A bound aggregate without its call: converted arguments, result and how it is computed. */
export interface AggregateBinding {
  readonly args: readonly BoundExpression[];
  readonly type: SqlType;
  readonly nullable: boolean;
  readonly spec: AggregateSpec;
  /** The duplicates of an argument change nothing, so DISTINCT is dropped. */
  readonly ignoresDistinct?: boolean;
  /** The call means DISTINCT whether it says so or not. */
  readonly impliesDistinct?: boolean;
  /** `spec` does what ORDER BY says. */
  readonly sortsItself?: boolean;
}

/** What stands in the parentheses of a call besides its arguments. */
export interface AggregateOptions {
  readonly distinct: boolean;
  readonly orderBy: readonly BoundOrder[];
  readonly separator: string | undefined;
}

/** A call with nothing but arguments. */
export const plainCall: AggregateOptions = { distinct: false, orderBy: [], separator: undefined };

export interface AggregateFunction {
  readonly argumentsMin: number;
  readonly argumentsMax: number;
  readonly bind: (args: readonly BoundExpression[], options: AggregateOptions) => AggregateBinding;
}

/** Digits that a sum may have beyond those of its terms (as in MySQL: SUM(DECIMAL(p,s)) is DECIMAL(p+22,s)). */
const sumDigits = 22;

function castSql(sql: string, type: SqlType): string {
  return `CAST(${sql} AS ${duckdbTypeOf(type)})`;
}

/** `name(x)` at every level, in the argument's own type: MIN, MAX, ANY_VALUE. */
function selective(name: string, ignoresDistinct: boolean): AggregateFunction {
  return {
    argumentsMin: 1,
    argumentsMax: 1,
    bind: ([given]) => {
      const arg = asValue(given as BoundExpression);
      const type = arg.type;
      const render = ([x]: readonly string[], { over }: Pick<AggregateModifiers, 'over'>) =>
        castSql(`${name}(${x})${over}`, type);
      const phases: AggregatePhases = {
        partials: [{ type, render: (args) => render(args, { over: '' }) }],
        final: (partials) => render(partials, { over: '' }),
      };
      return { args: [arg], type, nullable: true, spec: { render, phases }, ignoresDistinct };
    },
  };
}

const countSpec: AggregateSpec = {
  render: (args, { distinct, over }) =>
    args.length <= 1
      ? `count(${distinct}${args[0] ?? '*'})${over}`
      : `count(${distinct}CASE WHEN ${args.map((x) => `${x} IS NOT NULL`).join(' AND ')} THEN (${args.join(', ')}) END)${over}`,
  phases: {
    partials: [{ type: bigintType, render: ([x]) => `count(${x ?? '*'})` }],
    final: ([n]) => `CAST(coalesce(sum(${n}), 0) AS BIGINT)`,
  },
};

function bindCount(args: readonly BoundExpression[]): AggregateBinding {
  return { args: args.map(asValue), type: bigintType, nullable: false, spec: countSpec };
}

/** The exact DECIMAL of a sum, or DOUBLE. */
function sumType(arg: BoundExpression): SqlType {
  if (classOf(arg.type) === 'double') return doubleType;
  const { precision, scale } = decimalShapeOf(arg.type);
  return decimalType(precision + sumDigits, scale);
}

function bindSum([given]: readonly BoundExpression[]): AggregateBinding {
  const arg = asNumber(given as BoundExpression);
  const type = sumType(arg);
  const sum = (x: string | undefined, distinct: string, over: string) =>
    castSql(`sum(${distinct}${x})${over}`, type);
  return {
    args: [arg],
    type,
    nullable: true,
    spec: {
      render: ([x], { distinct, over }) => sum(x, distinct, over),
      phases: { partials: [{ type, render: ([x]) => sum(x, '', '') }], final: ([x]) => sum(x, '', '') },
    },
  };
}

/** Sum divided by count as DOUBLE, rounded to the exact type's scale: both ways give the same digits. */
function bindAverage([given]: readonly BoundExpression[]): AggregateBinding {
  const arg = asNumber(given as BoundExpression);
  const summed = sumType(arg);
  const type = averageType(arg);
  const quotient = (sum: string, count: string) =>
    castSql(`(CAST(${sum} AS DOUBLE) / nullif(${count}, 0))`, type);
  return {
    args: [arg],
    type,
    nullable: true,
    spec: {
      render: ([x], { distinct, over }) =>
        quotient(castSql(`sum(${distinct}${x})${over}`, summed), `count(${distinct}${x})${over}`),
      phases: {
        partials: [
          { type: summed, render: ([x]) => castSql(`sum(${x})`, summed) },
          { type: bigintType, render: ([x]) => `count(${x})` },
        ],
        final: ([sum, count]) => quotient(`sum(${sum})`, `sum(${count})`),
      },
    },
  };
}

function averageType(arg: BoundExpression): SqlType {
  if (classOf(arg.type) === 'double') return doubleType;
  const { precision, scale } = quotientShape(decimalShapeOf(arg.type), 0);
  return decimalType(precision, scale);
}

/** BIT_AND, BIT_OR, BIT_XOR: over no rows the neutral element. */
function bitAggregate(name: string, neutral: string): AggregateFunction {
  return {
    argumentsMin: 1,
    argumentsMax: 1,
    bind: ([given]) => {
      const sql = (x: string | undefined, over: string) =>
        `CAST(coalesce(${name}(${x})${over}, ${neutral}) AS UBIGINT)`;
      return {
        args: [asBits(given as BoundExpression)],
        type: bigintUnsignedType,
        nullable: false,
        spec: {
          render: ([x], { over }) => sql(x, over),
          phases: {
            partials: [{ type: bigintUnsignedType, render: ([x]) => sql(x, '') }],
            final: ([x]) => sql(x, ''),
          },
        },
      };
    },
  };
}

/** Not computed from sums, which would lose digits: the rows are gathered. */
function statistical(name: string): AggregateFunction {
  return {
    argumentsMin: 1,
    argumentsMax: 1,
    bind: ([given]) => ({
      args: [asDouble(given as BoundExpression)],
      type: doubleType,
      nullable: true,
      spec: { render: ([x], { distinct, over }) => `${name}(${distinct}${x})${over}` },
    }),
  };
}

function bindGroupConcat(args: readonly BoundExpression[], options: AggregateOptions): AggregateBinding {
  const quoted = quoteLiteral(options.separator ?? ',');
  const result = { type: longtextType, nullable: true };
  const [first] = args;
  if (options.distinct && options.orderBy.length > 0 && first !== undefined) {
    return {
      ...result,
      args: [first],
      spec: sortedDistinctText(args, options.orderBy, quoted),
      sortsItself: true,
    };
  }
  return {
    ...result,
    args: args.map(asText),
    spec: {
      render: (texts, { distinct, orderBy, over }) =>
        `string_agg(${distinct}${texts.join(' || ')}, ${quoted}${orderBy})${over}`,
    },
  };
}

/**
 * GROUP_CONCAT(DISTINCT x ORDER BY x): the engine sorts DISTINCT text only as text, so values are collected, sorted and
 * only then made text.
 */
function sortedDistinctText(
  args: readonly BoundExpression[],
  orderBy: readonly BoundOrder[],
  separator: string,
): AggregateSpec {
  const [arg] = args;
  const [key] = orderBy;
  const sortsByArgument =
    arg !== undefined &&
    key !== undefined &&
    args.length === 1 &&
    orderBy.length === 1 &&
    canonicalText(arg) === canonicalText(key.expression);
  if (!sortsByArgument) {
    throw new MillraceError(
      'SQL_UNSUPPORTED',
      'GROUP_CONCAT with DISTINCT can be sorted only by its argument',
    );
  }
  const element: BoundExpression = {
    kind: 'column',
    relation: '',
    column: 'e',
    label: 'e',
    type: arg.type,
    nullable: false,
  };
  const text = renderExpression(asText(element), { column: () => 'e', query: () => '' });
  const direction = key.descending ? 'DESC' : 'ASC';
  return {
    render: ([x], { distinct, over }) =>
      `array_to_string(list_transform(list_sort(list(${distinct}${x}) FILTER (WHERE ${x} IS NOT NULL)${over}, '${direction}'), lambda e: ${text}), ${separator})`,
  };
}

const one = { argumentsMin: 1, argumentsMax: 1 };
const many = { argumentsMin: 1, argumentsMax: 64 };

/** Aggregates by upper-case name. */
export const aggregateFunctions: Readonly<Record<string, AggregateFunction>> = {
  COUNT: { ...many, bind: bindCount },
  APPROX_COUNT_DISTINCT: { ...many, bind: (args) => ({ ...bindCount(args), impliesDistinct: true }) },
  SUM: { ...one, bind: bindSum },
  AVG: { ...one, bind: bindAverage },
  MIN: selective('min', true),
  MAX: selective('max', true),
  ANY_VALUE: selective('any_value', true),
  BIT_AND: bitAggregate('bit_and', '18446744073709551615'),
  BIT_OR: bitAggregate('bit_or', '0'),
  BIT_XOR: bitAggregate('bit_xor', '0'),
  STD: statistical('stddev_pop'),
  STDDEV: statistical('stddev_pop'),
  STDDEV_POP: statistical('stddev_pop'),
  STDDEV_SAMP: statistical('stddev_samp'),
  VARIANCE: statistical('var_pop'),
  VAR_POP: statistical('var_pop'),
  VAR_SAMP: statistical('var_samp'),
  MEDIAN: statistical('median'),
  GROUP_CONCAT: { ...many, bind: bindGroupConcat },
};

/** COUNT(*). */
export function countRows(): AggregateBinding {
  return bindCount([]);
}

export function aggregateFunction(name: string): AggregateFunction {
  const found = aggregateFunctions[name];
  if (found === undefined) throw new MillraceError('INTERNAL', `no aggregate ${name}`);
  return found;
}
