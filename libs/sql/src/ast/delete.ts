import type { Expression } from './expression.ts';
import type { ObjectName, Positioned } from './node.ts';
import type { LimitValue, OrderItem, TableReference } from './query.ts';

export interface Delete extends Positioned {
  readonly kind: 'delete';
  /** The tables (or aliases) to delete from in the join form `DELETE t FROM t JOIN …`; empty in the plain form. */
  readonly targets: readonly ObjectName[];
  /** One entry without join for the plain form. */
  readonly from: readonly TableReference[];
  readonly where: Expression | undefined;
  readonly orderBy: readonly OrderItem[];
  readonly limit: LimitValue | undefined;
}
