import { MillraceError } from '@millrace/errors/millrace-error';
import type {
  BinaryExpression,
  CaseExpression,
  ColumnReference,
  Expression,
  ExpressionKind,
  LikeExpression,
  UnaryExpression,
} from '@millrace/sql/ast/expression';
import { type BoundExpression, call, literal } from '../bound/bound-expression.ts';
import { castTo, strictCastTo, tryCastTo } from '../functions/cast.ts';
import { caseExpression } from '../functions/control.ts';
import { addInterval, extractUnit, timestampDifference } from '../functions/interval.ts';
import { jsonExtract } from '../functions/json.ts';
import {
  arithmetic,
  bitComplement,
  bitOperation,
  division,
  integerDivision,
  modulo,
  negative,
} from '../functions/operators.ts';
import { trim } from '../functions/text.ts';
import { compare, conjunction, disjunction, inList, negation } from '../types/compare.ts';
import { asBlob, asNumber, asPredicate, asText, asValue } from '../types/convert.ts';
import { intType, longtextType, nullType } from '../types/type-class.ts';
import { bindFunction } from './bind-function.ts';
import { bindLiteral, bindScalar } from './bind-literal.ts';
import { bindExists, bindQuantified, bindScalarSubquery, comparisonSql } from './bind-subquery.ts';
import type { Binder, BindQuery } from './binder.ts';
import type { ExpressionEnvironment } from './expression-environment.ts';
import { lookUp, unknownColumn } from './name-scope.ts';

type NodeOf<Kind extends ExpressionKind> = Extract<Expression, { readonly kind: Kind }>;

interface Binding {
  readonly binder: Binder;
  readonly environment: ExpressionEnvironment;
  readonly bindQuery: BindQuery;
  readonly bind: (expression: Expression, environment?: ExpressionEnvironment) => BoundExpression;
}

type Binders = {
  readonly [Kind in ExpressionKind]: (node: NodeOf<Kind>, binding: Binding) => BoundExpression;
};

/** How each kind of expression is bound. */
const binders: Binders = {
  null: bindLiteral,
  boolean: bindLiteral,
  integer: bindLiteral,
  decimal: bindLiteral,
  double: bindLiteral,
  string: bindLiteral,
  blob: bindLiteral,
  temporal: bindLiteral,
  parameter: (node, { binder }) => {
    const { parameters } = binder.session;
    if (parameters === undefined) return literal(nullType, null);
    const value = parameters[node.ordinal];
    if (value === undefined)
      throw new MillraceError('PARAMETER_COUNT', `no value for parameter ${node.ordinal + 1}`);
    return bindScalar(value);
  },
  column: bindColumn,
  systemVariable: (node, { binder }) => {
    const value = binder.session.systemVariable(node.scope, node.name);
    if (value === undefined)
      throw new MillraceError('VARIABLE_UNKNOWN', `Unknown system variable '${node.name}'`);
    return bindScalar(value);
  },
  userVariable: (node, { binder, environment }) =>
    environment.userVariable?.(node.name) ?? bindScalar(binder.session.userVariable(node.name)),
  unary: bindUnary,
  binary: bindBinary,
  logical: (node, { bind }) => {
    const operands = node.operands.map((operand) => asPredicate(bind(operand)));
    return node.operator === 'and' ? conjunction(operands) : disjunction(operands);
  },
  like: bindLike,
  regexp: (node, { bind }) =>
    negated(
      node.negated,
      call(
        intType,
        [asText(bind(node.operand)), asText(bind(node.pattern))],
        ([x, p]) => `regexp_matches(${x}, ${p})`,
        {
          predicate: true,
        },
      ),
    ),
  is: (node, { bind }) => {
    const operand = bind(node.operand);
    const test = node.test === 'unknown' ? 'NULL' : node.test.toUpperCase();
    const tested = node.test === 'null' ? operand : asPredicate(operand);
    return call(intType, [tested], ([x]) => `(${x} IS ${node.negated ? 'NOT ' : ''}${test})`, {
      predicate: true,
      nullable: false,
    });
  },
  between: (node, { bind }) => {
    const operand = bind(node.operand);
    const inside = conjunction([
      compare('>=', operand, bind(node.low)),
      compare('<=', operand, bind(node.high)),
    ]);
    return negated(node.negated, inside);
  },
  inList: (node, binding) => {
    if (node.operand.kind === 'row') {
      return negated(
        node.negated,
        disjunction(node.items.map((item) => compareRows('=', node.operand, item, binding))),
      );
    }
    const { bind } = binding;
    return negated(
      node.negated,
      inList(
        bind(node.operand),
        node.items.map((item) => bind(item)),
      ),
    );
  },
  inQuery: (node, { binder, environment, bindQuery, bind }) =>
    bindQuantified(
      binder,
      node.negated ? { operator: '<>', quantifier: 'all' } : { operator: '=', quantifier: 'any' },
      node.operand,
      node.query,
      environment,
      bindQuery,
      bind,
    ),
  exists: (node, { binder, environment, bindQuery }) =>
    bindExists(binder, node.query, environment, bindQuery),
  quantified: (node, { binder, environment, bindQuery, bind }) => {
    if (node.operator === '<=>')
      throw new MillraceError('SQL_UNSUPPORTED', '<=> with ANY or ALL is not supported');
    return bindQuantified(binder, node, node.operand, node.query, environment, bindQuery, bind);
  },
  subquery: (node, { binder, environment, bindQuery }) =>
    bindScalarSubquery(binder, node.query, environment, bindQuery),
  row: () => {
    throw new MillraceError('SUBQUERY_COLUMNS', 'Operand should contain 1 column(s)');
  },
  case: bindCase,
  cast: (node, { bind }) => {
    const operand = bind(node.operand);
    switch (node.form) {
      case 'cast':
        return castTo(operand, node.type);
      case 'operator':
        return strictCastTo(operand, node.type);
      case 'tryOperator':
        return tryCastTo(operand, node.type);
    }
  },
  convertCharset: (node, { bind }) =>
    node.characterSet === 'binary' ? asBlob(bind(node.operand)) : asText(bind(node.operand)),
  collate: (node, { bind }) => asText(bind(node.operand)),
  jsonPath: (node, { bind }) =>
    jsonExtract(
      bind(node.operand),
      node.keys.map((key) => literal(longtextType, key)),
      node.result,
    ),
  interval: () => {
    throw new MillraceError('SQL_SYNTAX', 'INTERVAL stands beside + or - or in a date function');
  },
  intervalUnit: (node) => {
    throw new MillraceError('SQL_SYNTAX', `unit ${node.unit.toUpperCase()} is not a value`);
  },
  extract: (node, { bind }) => extractUnit(node.unit, bind(node.operand)),
  trim: (node, { bind }) =>
    trim(node.side, bind(node.operand), node.characters === undefined ? undefined : bind(node.characters)),
  insertedValue: (node, { environment }) => {
    if (environment.insertedValue === undefined) {
      throw new MillraceError('SQL_UNSUPPORTED', 'VALUES() stands only in ON DUPLICATE KEY UPDATE');
    }
    return environment.insertedValue(node.column.name);
  },
  function: (node, { binder, environment, bind }) => {
    const [first, second, third] = node.args;
    if (
      node.name === 'TIMESTAMPDIFF' &&
      first?.kind === 'intervalUnit' &&
      second !== undefined &&
      third !== undefined
    ) {
      return timestampDifference(first.unit, bind(second), bind(third));
    }
    return bindFunction(binder, node, environment, bind);
  },
};

/**
 * Resolves the names of an expression and makes its conversions explicit.
 *
 * @throws COLUMN_UNKNOWN, COLUMN_AMBIGUOUS, FUNCTION_UNKNOWN, FUNCTION_ARGUMENTS, GROUP_FUNCTION_MISUSE and others
 */
export function bindExpression(
  binder: Binder,
  expression: Expression,
  environment: ExpressionEnvironment,
  bindQuery: BindQuery,
): BoundExpression {
  const bind = (part: Expression, inside = environment) => bindExpression(binder, part, inside, bindQuery);
  const bindNode = binders[expression.kind] as (node: Expression, binding: Binding) => BoundExpression;
  return bindNode(expression, { binder, environment, bindQuery, bind });
}

/** The conjuncts of a condition, each a predicate. */
export function bindConditions(
  binder: Binder,
  condition: Expression | undefined,
  environment: ExpressionEnvironment,
  bindQuery: BindQuery,
): readonly BoundExpression[] {
  if (condition === undefined) return [];
  return conjunctsOf(asPredicate(bindExpression(binder, condition, environment, bindQuery)));
}

function conjunctsOf(predicate: BoundExpression): readonly BoundExpression[] {
  return predicate.kind === 'call' && predicate.operator === 'and'
    ? predicate.args.flatMap(conjunctsOf)
    : [predicate];
}

function negated(negate: boolean, predicate: BoundExpression): BoundExpression {
  return negate ? negation(predicate) : predicate;
}

function bindColumn(node: ColumnReference, { environment }: Binding): BoundExpression {
  const own = lookUpHere(node, environment);
  if (own !== undefined) return own;
  for (let outer = environment.parent; outer !== undefined; outer = outer.parent) {
    const found = lookUp(outer.scope, node, environment.clause);
    if (found !== undefined) return found;
  }
  throw unknownColumn(node, environment.clause);
}

function lookUpHere(node: ColumnReference, environment: ExpressionEnvironment): BoundExpression | undefined {
  const alias = node.table === undefined ? environment.aliases?.(node.name) : undefined;
  if (alias !== undefined && environment.aliasesFirst) return alias;
  return lookUp(environment.scope, node, environment.clause) ?? alias;
}

function bindUnary(node: UnaryExpression, { bind }: Binding): BoundExpression {
  const operand = bind(node.operand);
  switch (node.operator) {
    case '-':
      return negative(operand);
    case '+':
      return asValue(operand);
    case '~':
      return bitComplement(operand);
    case 'not':
      return negation(asPredicate(operand));
    case 'binary':
      return asBlob(operand);
  }
}

function bindBinary(node: BinaryExpression, binding: Binding): BoundExpression {
  const { operator, left, right } = node;
  const { bind } = binding;
  switch (operator) {
    case '=':
    case '<=>':
    case '<>':
    case '<':
    case '<=':
    case '>':
    case '>=':
      return left.kind === 'row' || right.kind === 'row'
        ? compareRows(operator, left, right, binding)
        : compare(comparisonSql[operator], bind(left), bind(right));
    case '+':
      if (right.kind === 'interval') return addInterval(bind(left), bind(right.value), right.unit, 1);
      if (left.kind === 'interval') return addInterval(bind(right), bind(left.value), left.unit, 1);
      return arithmetic('+', bind(left), bind(right));
    case '-':
      if (right.kind === 'interval') return addInterval(bind(left), bind(right.value), right.unit, -1);
      return arithmetic('-', bind(left), bind(right));
    case '*':
      return arithmetic('*', bind(left), bind(right));
    case '/':
      return division(bind(left), bind(right));
    case 'div':
      return integerDivision(bind(left), bind(right));
    case '%':
      return modulo(bind(left), bind(right));
    case '|':
    case '&':
    case '^':
    case '<<':
    case '>>':
      return bitOperation(operator, bind(left), bind(right));
    case 'xor':
      return call(
        intType,
        [asPredicate(bind(left)), asPredicate(bind(right))],
        ([x, y]) => `(${x} <> ${y})`,
        {
          predicate: true,
        },
      );
  }
}

type RowOperator = '=' | '<=>' | '<>' | '<' | '<=' | '>' | '>=';

/** `(a, b) op (c, d)`, column by column from the left. */
function compareRows(
  operator: RowOperator,
  left: Expression,
  right: Expression,
  { bind }: Binding,
): BoundExpression {
  const columns = left.kind === 'row' ? left.items.length : 1;
  if (left.kind !== 'row' || right.kind !== 'row' || right.items.length !== columns) {
    throw new MillraceError('SUBQUERY_COLUMNS', `Operand should contain ${columns} column(s)`);
  }
  const pairs = left.items.map((item, at) => [bind(item), bind(right.items[at] as Expression)] as const);
  const all = (sql: '=' | '<>' | 'IS NOT DISTINCT FROM') => pairs.map(([a, b]) => compare(sql, a, b));
  switch (operator) {
    case '=':
      return conjunction(all('='));
    case '<=>':
      return conjunction(all('IS NOT DISTINCT FROM'));
    case '<>':
      return disjunction(all('<>'));
    default: {
      const strict = operator === '<' || operator === '<=' ? '<' : '>';
      const alternatives = pairs.map(([a, b], at) => {
        const equalBefore = pairs.slice(0, at).map(([x, y]) => compare('=', x, y));
        const last = at === pairs.length - 1 ? comparisonSql[operator] : strict;
        return conjunction([...equalBefore, compare(last, a, b)]);
      });
      return disjunction(alternatives);
    }
  }
}

/** The backslash is the default escape; at the end of a pattern it stands for itself. */
function bindLike(node: LikeExpression, { bind }: Binding): BoundExpression {
  const operand = asText(bind(node.operand));
  const escapeText = node.escape === undefined ? literal(longtextType, '\\') : bind(node.escape);
  if (escapeText.kind !== 'literal' || typeof escapeText.value !== 'string' || escapeText.value.length > 1) {
    throw new MillraceError('SQL_UNSUPPORTED', 'ESCAPE must be one constant character');
  }
  const character = escapeText.value;
  const pattern = asText(bind(node.pattern));
  const fixed =
    pattern.kind === 'literal' && typeof pattern.value === 'string'
      ? literal(pattern.type, withoutOpenEscape(pattern.value, character))
      : pattern;
  return negated(
    node.negated,
    call(
      intType,
      [operand, fixed],
      ([x, p]) => `(${x} LIKE ${p} ESCAPE '${character === "'" ? "''" : character}')`,
      { predicate: true },
    ),
  );
}

function withoutOpenEscape(pattern: string, character: string): string {
  if (character === '') return pattern;
  let at = 0;
  while (at < pattern.length) {
    if (pattern[at] === character && at === pattern.length - 1) return pattern + character;
    at += pattern[at] === character ? 2 : 1;
  }
  return pattern;
}

function bindCase(node: CaseExpression, { bind }: Binding): BoundExpression {
  const operand = node.operand === undefined ? undefined : bind(node.operand);
  const branches = node.branches.map((branch) => {
    const when = bind(branch.when);
    return {
      when: operand === undefined ? asPredicate(when) : compare('=', operand, when),
      result: bind(branch.result),
    };
  });
  return caseExpression(branches, node.otherwise === undefined ? undefined : bind(node.otherwise));
}

/** The number that LIMIT or OFFSET gives; undefined while a statement is only prepared. */
export function bindCount(
  binder: Binder,
  node: Extract<Expression, { kind: 'integer' | 'parameter' }>,
): bigint | undefined {
  if (node.kind === 'integer') return node.value;
  const { parameters } = binder.session;
  if (parameters === undefined) return undefined;
  const given = parameters[node.ordinal] ?? null;
  // Drivers that send all parameters as text are common.
  const bound = asNumber(
    bindScalar(typeof given === 'string' && /^\d+$/.test(given) ? BigInt(given) : given),
  );
  const value = bound.kind === 'literal' ? Number(bound.value) : Number.NaN;
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new MillraceError('VALUE_WRONG_TYPE', `parameter ${node.ordinal + 1} is not a number of rows`);
  }
  return BigInt(value);
}
