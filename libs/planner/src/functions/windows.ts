import { duckdbTypeOf } from '@millrace/values/duckdb-type-of';
import type { BoundExpression } from '../bound/bound-expression.ts';
import { asInteger, asValue, convertTo } from '../types/convert.ts';
import { bigintType, doubleType } from '../types/type-class.ts';
import { unifyTypes } from '../types/unify-types.ts';
import type { AggregateBinding, AggregateFunction } from './aggregates.ts';

/** A function of the row's rank only. */
function ranking(name: string, type: typeof bigintType): AggregateFunction {
  return {
    argumentsMin: 0,
    argumentsMax: 0,
    bind: () => ({
      args: [],
      type,
      nullable: false,
      spec: { render: (_args, { over }) => `${name}()${over}` },
    }),
  };
}

/** LAG and LEAD: value, offset, default. */
function neighbour(name: string): AggregateFunction {
  return {
    argumentsMin: 1,
    argumentsMax: 3,
    bind: ([value, offset, otherwise]) => {
      const values = [value as BoundExpression, ...(otherwise === undefined ? [] : [otherwise])].map(asValue);
      const type = unifyTypes(values.map((item) => item.type));
      const [first, last] = values.map((item) => convertTo(item, type));
      const args = [first, offset === undefined ? undefined : asInteger(offset), last];
      return binding(
        name,
        args.filter((arg) => arg !== undefined),
        type,
      );
    },
  };
}

function valueAtFrame(name: string): AggregateFunction {
  return {
    argumentsMin: 1,
    argumentsMax: name === 'nth_value' ? 2 : 1,
    bind: ([value, position]) => {
      const first = asValue(value as BoundExpression);
      return binding(name, position === undefined ? [first] : [first, asInteger(position)], first.type);
    },
  };
}

function binding(
  name: string,
  args: readonly BoundExpression[],
  type: AggregateBinding['type'],
): AggregateBinding {
  return {
    args,
    type,
    nullable: true,
    spec: { render: (sql, { over }) => `CAST(${name}(${sql.join(', ')})${over} AS ${duckdbTypeOf(type)})` },
  };
}

/** Functions that exist only with OVER; every aggregate may have one too. By upper-case name. */
export const windowFunctions: Readonly<Record<string, AggregateFunction>> = {
  ROW_NUMBER: ranking('row_number', bigintType),
  RANK: ranking('rank', bigintType),
  DENSE_RANK: ranking('dense_rank', bigintType),
  PERCENT_RANK: ranking('percent_rank', doubleType),
  CUME_DIST: ranking('cume_dist', doubleType),
  NTILE: {
    argumentsMin: 1,
    argumentsMax: 1,
    bind: ([buckets]) => binding('ntile', [asInteger(buckets as BoundExpression)], bigintType),
  },
  LAG: neighbour('lag'),
  LEAD: neighbour('lead'),
  FIRST_VALUE: valueAtFrame('first_value'),
  LAST_VALUE: valueAtFrame('last_value'),
  NTH_VALUE: valueAtFrame('nth_value'),
};
