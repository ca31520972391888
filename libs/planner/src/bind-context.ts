import type { CatalogView } from '@millrace/catalog/catalog-view';
import type { ScalarValue } from '@millrace/values/column-batch';
import type { SqlType } from '@millrace/values/sql-type';

/** A table of information_schema: filled by the executor, bound like any other table. */
export interface VirtualView {
  /** As the executor calls it; names in statements match it in any case. */
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly type: SqlType; readonly nullable: boolean }[];
}

/** What a statement's meaning depends on besides its text: schema, session and time. */
export interface BindContext {
  /** Current database. */
  readonly database: string | undefined;
  readonly catalog: CatalogView;
  /** The information_schema view of this name, in any case. */
  virtualView(name: string): VirtualView | undefined;
  /** Start of the statement in UTC, `2026-01-31 10:00:00.123456`. */
  readonly now: string;
  /** Values of the `?` markers; undefined while a statement is only prepared (markers are then NULL). */
  readonly parameters: readonly ScalarValue[] | undefined;
  /** Value of a system variable (name in lower case); undefined when there is none of this name. */
  systemVariable(scope: 'session' | 'global' | undefined, name: string): ScalarValue | undefined;
  /** Value of a user variable; null when it was never set. */
  userVariable(name: string): ScalarValue;
  readonly connectionId: bigint;
  /** As CURRENT_USER() shows it, `root@%`. */
  readonly user: string;
  readonly lastInsertId: bigint;
  readonly rowCount: bigint;
  readonly foundRows: bigint;
  /** What VERSION() shows. */
  readonly version: string;
  /** Uniform in [0, 1), for values that must not differ when a change is replayed. */
  random(): number;
}
