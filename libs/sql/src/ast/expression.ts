import type { SqlType } from '@millrace/values/sql-type';
import type { ColumnName, Positioned } from './node.ts';
import type { OrderItem, Query } from './query.ts';

/** A value-producing part of a statement. Discriminated by `kind`; absent parts are `undefined`, never missing. */
export type Expression =
  | Literal
  | Parameter
  | ColumnReference
  | SystemVariable
  | UserVariable
  | UnaryExpression
  | BinaryExpression
  | LogicalExpression
  | LikeExpression
  | RegexpExpression
  | IsExpression
  | BetweenExpression
  | InListExpression
  | InQueryExpression
  | ExistsExpression
  | QuantifiedExpression
  | ScalarSubquery
  | RowExpression
  | CaseExpression
  | CastExpression
  | ConvertCharsetExpression
  | CollateExpression
  | JsonPathExpression
  | IntervalExpression
  | IntervalUnitArgument
  | ExtractExpression
  | TrimExpression
  | InsertedValue
  | FunctionCall;

export type ExpressionKind = Expression['kind'];

export type Literal =
  | NullLiteral
  | BooleanLiteral
  | IntegerLiteral
  | DecimalLiteral
  | DoubleLiteral
  | StringLiteral
  | BlobLiteral
  | TemporalLiteral;

export interface NullLiteral extends Positioned {
  readonly kind: 'null';
}

/** TRUE and FALSE, which are the integers 1 and 0 in results. */
export interface BooleanLiteral extends Positioned {
  readonly kind: 'boolean';
  readonly value: boolean;
}

/** 0 to 2^64-1: the sign is a unary operator, and larger numbers are decimals. */
export interface IntegerLiteral extends Positioned {
  readonly kind: 'integer';
  readonly value: bigint;
}

/** An exact number with a point, or an integer above 2^64-1: `0.10`, `.5`, `5.`. The text is as written. */
export interface DecimalLiteral extends Positioned {
  readonly kind: 'decimal';
  readonly text: string;
}

/** A number with an exponent: `1e-3`. The text is as written. */
export interface DoubleLiteral extends Positioned {
  readonly kind: 'double';
  readonly text: string;
}

/** A quoted string after its escapes are resolved and adjacent strings are joined. */
export interface StringLiteral extends Positioned {
  readonly kind: 'string';
  readonly value: string;
}

/** `x'0aff'`, `0x0AFF` or `b'1010'`. */
export interface BlobLiteral extends Positioned {
  readonly kind: 'blob';
  /** Lower-case hexadecimal digits, two per byte. */
  readonly hex: string;
}

/** `DATE '2026-01-31'`, `TIME '10:00:00'`, `TIMESTAMP '2026-01-31 10:00:00'`. The text is not checked by the parser. */
export interface TemporalLiteral extends Positioned {
  readonly kind: 'temporal';
  readonly type: 'date' | 'time' | 'timestamp';
  readonly text: string;
}

/** A `?` marker. */
export interface Parameter extends Positioned {
  readonly kind: 'parameter';
  /** Counted from 0 over the statement, in text order. */
  readonly ordinal: number;
}

/** A column, possibly qualified by table (or alias) and database. In a pipeline it may also be a bare word. */
export interface ColumnReference extends Positioned {
  readonly kind: 'column';
  readonly database: string | undefined;
  readonly table: string | undefined;
  readonly name: string;
}

/** `@@name`, `@@session.name`, `@@global.name`. Without scope: the session value, else the global one. */
export interface SystemVariable extends Positioned {
  readonly kind: 'systemVariable';
  readonly scope: 'session' | 'global' | undefined;
  /** Lower case. */
  readonly name: string;
}

/** `@name`. In a pipeline it is a field variable of the record. */
export interface UserVariable extends Positioned {
  readonly kind: 'userVariable';
  readonly name: string;
}

/** `not` stands for both NOT and `!`; `binary` is the BINARY operator. */
export type UnaryOperator = '-' | '+' | '~' | 'not' | 'binary';

export interface UnaryExpression extends Positioned {
  readonly kind: 'unary';
  readonly operator: UnaryOperator;
  readonly operand: Expression;
}

export type ComparisonOperator = '=' | '<=>' | '<>' | '<' | '<=' | '>' | '>=';
/** `/` is exact or floating division, `div` integer division, `%` is also MOD. */
export type ArithmeticOperator = '+' | '-' | '*' | '/' | 'div' | '%';
export type BitOperator = '|' | '&' | '^' | '<<' | '>>';
export type BinaryOperator = ComparisonOperator | ArithmeticOperator | BitOperator | 'xor';

/** One operator over two operands. One operand of `+` or `-` may be an {@link IntervalExpression}. */
export interface BinaryExpression extends Positioned {
  readonly kind: 'binary';
  readonly operator: BinaryOperator;
  readonly left: Expression;
  readonly right: Expression;
}

/** A whole chain of AND, or of OR (`&&` and `||` are the same operators). */
export interface LogicalExpression extends Positioned {
  readonly kind: 'logical';
  readonly operator: 'and' | 'or';
  /** Two or more. */
  readonly operands: readonly Expression[];
}

export interface LikeExpression extends Positioned {
  readonly kind: 'like';
  readonly operand: Expression;
  readonly pattern: Expression;
  /** Undefined: a backslash. */
  readonly escape: Expression | undefined;
  readonly negated: boolean;
}

/** REGEXP or RLIKE. */
export interface RegexpExpression extends Positioned {
  readonly kind: 'regexp';
  readonly operand: Expression;
  readonly pattern: Expression;
  readonly negated: boolean;
}

/** `IS [NOT] NULL`, `IS [NOT] TRUE`, `IS [NOT] FALSE`, `IS [NOT] UNKNOWN`. */
export interface IsExpression extends Positioned {
  readonly kind: 'is';
  readonly operand: Expression;
  readonly test: 'null' | 'true' | 'false' | 'unknown';
  readonly negated: boolean;
}

export interface BetweenExpression extends Positioned {
  readonly kind: 'between';
  readonly operand: Expression;
  readonly low: Expression;
  readonly high: Expression;
  readonly negated: boolean;
}

export interface InListExpression extends Positioned {
  readonly kind: 'inList';
  readonly operand: Expression;
  /** One or more. */
  readonly items: readonly Expression[];
  readonly negated: boolean;
}

export interface InQueryExpression extends Positioned {
  readonly kind: 'inQuery';
  readonly operand: Expression;
  readonly query: Query;
  readonly negated: boolean;
}

/** `EXISTS (query)`; NOT EXISTS is a unary `not` around it. */
export interface ExistsExpression extends Positioned {
  readonly kind: 'exists';
  readonly query: Query;
}

/** `operand op ANY|SOME|ALL (query)`. */
export interface QuantifiedExpression extends Positioned {
  readonly kind: 'quantified';
  readonly operator: ComparisonOperator;
  readonly quantifier: 'any' | 'all';
  readonly operand: Expression;
  readonly query: Query;
}

/** A query in parentheses where a value is expected. */
export interface ScalarSubquery extends Positioned {
  readonly kind: 'subquery';
  readonly query: Query;
}

/** `(a, b)` or `ROW(a, b)`. */
export interface RowExpression extends Positioned {
  readonly kind: 'row';
  /** Two or more. */
  readonly items: readonly Expression[];
}

export interface CaseExpression extends Positioned {
  readonly kind: 'case';
  /** Given: each `when` is compared with it. Undefined: each `when` is a condition. */
  readonly operand: Expression | undefined;
  /** One or more. */
  readonly branches: readonly CaseBranch[];
  readonly otherwise: Expression | undefined;
}

export interface CaseBranch {
  readonly when: Expression;
  readonly result: Expression;
}

/**
 * A conversion to a type.
 *
 * - `cast`: `CAST(x AS t)` and `CONVERT(x, t)`. SIGNED and UNSIGNED are BIGINT, CHAR without length is LONGTEXT, CHAR(n)
 *   is VARCHAR(n), BINARY without length is LONGBLOB.
 * - `operator`: `x :> t`, which fails where an assignment to a column of the type would fail.
 * - `tryOperator`: `x !:> t`, which gives the default value of the type instead of failing.
 */
export interface CastExpression extends Positioned {
  readonly kind: 'cast';
  readonly form: 'cast' | 'operator' | 'tryOperator';
  readonly operand: Expression;
  readonly type: SqlType;
}

/** `CONVERT(x USING charset)`. */
export interface ConvertCharsetExpression extends Positioned {
  readonly kind: 'convertCharset';
  readonly operand: Expression;
  /** Lower case. */
  readonly characterSet: string;
}

/** `x COLLATE collation`. */
export interface CollateExpression extends Positioned {
  readonly kind: 'collate';
  readonly operand: Expression;
  /** Lower case. */
  readonly collation: string;
}

/** `json::a::b` (result `json`), `json::a::$b` (`string`), `json::a::%b` (`double`). */
export interface JsonPathExpression extends Positioned {
  readonly kind: 'jsonPath';
  readonly operand: Expression;
  /** One or more; a key of decimal digits is an array index where it meets an array. Case-sensitive. */
  readonly keys: readonly string[];
  readonly result: 'json' | 'string' | 'double';
}

export type IntervalUnit =
  | 'microsecond'
  | 'second'
  | 'minute'
  | 'hour'
  | 'day'
  | 'week'
  | 'month'
  | 'quarter'
  | 'year'
  | 'second_microsecond'
  | 'minute_microsecond'
  | 'minute_second'
  | 'hour_microsecond'
  | 'hour_second'
  | 'hour_minute'
  | 'day_microsecond'
  | 'day_second'
  | 'day_minute'
  | 'day_hour'
  | 'year_month';

/** `INTERVAL value unit`: meaningful only beside `+` and `-` and as an argument of date functions. */
export interface IntervalExpression extends Positioned {
  readonly kind: 'interval';
  readonly value: Expression;
  readonly unit: IntervalUnit;
}

/** The bare unit that is the first argument of TIMESTAMPDIFF and TIMESTAMPADD. */
export interface IntervalUnitArgument extends Positioned {
  readonly kind: 'intervalUnit';
  readonly unit: IntervalUnit;
}

/** `EXTRACT(unit FROM operand)`. */
export interface ExtractExpression extends Positioned {
  readonly kind: 'extract';
  readonly unit: IntervalUnit;
  readonly operand: Expression;
}

/** `TRIM([BOTH|LEADING|TRAILING] [characters] FROM operand)` and `TRIM(operand)`. */
export interface TrimExpression extends Positioned {
  readonly kind: 'trim';
  readonly side: 'both' | 'leading' | 'trailing';
  /** Undefined: a blank. */
  readonly characters: Expression | undefined;
  readonly operand: Expression;
}

/** `VALUES(column)` in ON DUPLICATE KEY UPDATE: the value that would have been inserted. */
export interface InsertedValue extends Positioned {
  readonly kind: 'insertedValue';
  readonly column: ColumnName;
}

/**
 * A call of a scalar, aggregate or window function; which one is the binder's knowledge. `SUBSTRING(a FROM b FOR c)` is
 * parsed as `SUBSTRING(a, b, c)`, `POSITION(a IN b)` as `LOCATE(a, b)`, and words such as CURRENT_TIMESTAMP as calls
 * without arguments.
 */
export interface FunctionCall extends Positioned {
  readonly kind: 'function';
  /** Upper case. */
  readonly name: string;
  readonly args: readonly Expression[];
  /** `COUNT(*)`; `args` is then empty. */
  readonly star: boolean;
  readonly distinct: boolean;
  /** ORDER BY inside the parentheses (GROUP_CONCAT, JSON_AGG). */
  readonly orderBy: readonly OrderItem[];
  /** SEPARATOR of GROUP_CONCAT. */
  readonly separator: string | undefined;
  readonly over: WindowSpecification | undefined;
}

export interface WindowSpecification {
  readonly partitionBy: readonly Expression[];
  readonly orderBy: readonly OrderItem[];
  readonly frame: WindowFrame | undefined;
}

export interface WindowFrame {
  readonly unit: 'rows' | 'range';
  readonly start: FrameBound;
  /** Undefined: the short form without BETWEEN, which ends at the current row. */
  readonly end: FrameBound | undefined;
}

export type FrameBound =
  | { readonly kind: 'unboundedPreceding' | 'currentRow' | 'unboundedFollowing' }
  | { readonly kind: 'preceding' | 'following'; readonly offset: Expression };
