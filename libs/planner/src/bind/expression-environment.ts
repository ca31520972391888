import type { CommonTableExpression } from '@millrace/sql/ast/query';
import type { BoundExpression } from '../bound/bound-expression.ts';
import type { ClauseName, NameScope } from './name-scope.ts';

/** WITH queries visible at some place, innermost first. A name refers only to queries defined before it. */
export interface CteScope {
  readonly definition: CommonTableExpression;
  readonly outer: CteScope | undefined;
}

/** What an expression may refer to at the place where it stands. */
export interface ExpressionEnvironment {
  readonly clause: ClauseName;
  readonly scope: NameScope;
  /** Of the enclosing query, for correlated subqueries. */
  readonly parent: ExpressionEnvironment | undefined;
  readonly ctes: CteScope | undefined;
  readonly aggregates: boolean;
  readonly windows: boolean;
  /** Expressions of the select list by alias; undefined where aliases are not visible. */
  readonly aliases?: (name: string) => BoundExpression | undefined;
  /** Aliases win over columns of the same name. */
  readonly aliasesFirst?: boolean;
  /** VALUES(column) of ON DUPLICATE KEY UPDATE. */
  readonly insertedValue?: (name: string) => BoundExpression;
  /** `@name`, where it is not a variable of the session. */
  readonly userVariable?: (name: string) => BoundExpression;
}
