import type { Expression } from './expression.ts';
import type { Assignment } from './insert.ts';
import type { Positioned } from './node.ts';
import type { LimitValue, OrderItem, TableReference } from './query.ts';

export interface Update extends Positioned {
  readonly kind: 'update';
  readonly ignore: boolean;
  /** One entry without join for the plain form. */
  readonly tables: readonly TableReference[];
  readonly assignments: readonly Assignment[];
  readonly where: Expression | undefined;
  readonly orderBy: readonly OrderItem[];
  readonly limit: LimitValue | undefined;
}
