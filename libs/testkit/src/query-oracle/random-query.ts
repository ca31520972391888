import type { Dice } from './dice.ts';
import { RandomExpression, type ScopeColumn, valueTypes } from './random-expression.ts';
import type { RandomTable } from './random-schema.ts';
import { joinPairs, pair, type SqlPair, same, type TypedPair, type ValueType } from './sql-pair.ts';

/** A query in both dialects. */
export interface RandomQuery extends SqlPair {
  /** Types of the result columns. */
  readonly types: readonly ValueType[];
  /** The order of the rows is part of the result; else they are a multiset. */
  readonly ordered: boolean;
}

interface Source {
  readonly sql: SqlPair;
  readonly columns: readonly ScopeColumn[];
}

interface BuiltSelect {
  readonly sql: SqlPair;
  readonly types: readonly ValueType[];
}

/** Random queries over the tables of a random schema. */
export class RandomQueries {
  readonly #dice: Dice;
  readonly #tables: readonly RandomTable[];
  /** What precedes table names in the DuckDB text, such as `plain.`. */
  readonly #prefix: string;
  #aliases = 0;

  constructor(dice: Dice, tables: readonly RandomTable[], prefix: string) {
    this.#dice = dice;
    this.#tables = tables;
    this.#prefix = prefix;
  }

  /** One statement: a select, a set operation or a WITH, sorted and cut now and then. */
  next(): RandomQuery {
    this.#aliases = 0;
    const dice = this.#dice;
    const built = dice.chance(0.12)
      ? this.#setOperation()
      : dice.chance(0.08)
        ? this.#with()
        : this.#select(2, []);
    return this.#finish(built);
  }

  #finish({ sql, types }: BuiltSelect): RandomQuery {
    if (!this.#dice.chance(0.45)) return { ...sql, types, ordered: false };
    const keys = types.map((_type, at) => this.#orderKey(String(at + 1)));
    const ordered = joinPairs([sql, joinPairs(keys, ', ')], ' ORDER BY ');
    if (!this.#dice.chance(0.6)) return { ...ordered, types, ordered: true };
    const limit = ` LIMIT ${this.#dice.between(0, 12)}${this.#dice.chance(0.4) ? ` OFFSET ${this.#dice.between(0, 2)}` : ''}`;
    return { ...pair`${ordered}${limit}`, types, ordered: true };
  }

  /** NULL comes first ascending and last descending, as in MySQL. */
  #orderKey(key: string): SqlPair {
    return this.#dice.chance(0.5)
      ? { mysql: key, duckdb: `${key} ASC NULLS FIRST` }
      : { mysql: `${key} DESC`, duckdb: `${key} DESC NULLS LAST` };
  }

  #alias(): string {
    this.#aliases += 1;
    return `a${this.#aliases}`;
  }

  #table(): Source {
    const table = this.#dice.pick(this.#tables);
    const alias = this.#alias();
    return {
      sql: { mysql: `${table.name} AS ${alias}`, duckdb: `${this.#prefix}${table.name} AS ${alias}` },
      columns: table.columns.map(({ name, type }) => ({ sql: `${alias}.${name}`, type })),
    };
  }

  #derived(depth: number): Source {
    const { sql, types } = this.#select(depth - 1, []);
    if (!this.#dice.chance(0.25)) return this.#named(sql, types);
    const keys = types.map((_type, at) => this.#orderKey(String(at + 1)));
    const cut = pair`${sql} ORDER BY ${joinPairs(keys, ', ')} LIMIT ${String(this.#dice.between(1, 6))}`;
    // DuckDB 1.5 pushes filters of a join below the LIMIT of its side; it does not reach into materialized results.
    return this.#named(
      { mysql: cut.mysql, duckdb: `WITH m AS MATERIALIZED (${cut.duckdb}) SELECT * FROM m` },
      types,
    );
  }

  /** A query in parentheses with an alias; generated selects name their columns x0, x1, …. */
  #named(sql: SqlPair, types: readonly ValueType[]): Source {
    const alias = this.#alias();
    return {
      sql: pair`(${sql}) AS ${alias}`,
      columns: types.map((type, at) => ({ sql: `${alias}.x${at}`, type })),
    };
  }

  #source(depth: number): Source {
    return depth > 0 && this.#dice.chance(0.2) ? this.#derived(depth) : this.#table();
  }

  #from(depth: number): Source {
    let left = this.#source(depth);
    const joins = this.#dice.pick([0, 0, 0, 1, 1, 1, 2]);
    for (let join = 0; join < joins; join += 1) left = this.#join(left, this.#source(depth - 1));
    return left;
  }

  #join(left: Source, right: Source): Source {
    const columns = [...left.columns, ...right.columns];
    const dice = this.#dice;
    const kind = dice.pick([
      'JOIN',
      'JOIN',
      'JOIN',
      'JOIN',
      'LEFT JOIN',
      'LEFT JOIN',
      'RIGHT JOIN',
      'FULL JOIN',
      'CROSS JOIN',
    ]);
    if (kind === 'CROSS JOIN') return { sql: pair`${left.sql} CROSS JOIN ${right.sql}`, columns };
    // The engine cannot hash conditions other than equality in a full join.
    const condition = this.#joinCondition(left, right, kind === 'FULL JOIN' ? [] : columns);
    return { sql: pair`${left.sql} ${kind} ${right.sql} ON ${condition}`, columns };
  }

  /** Mostly equal columns of one name, which are often shard keys. */
  #joinCondition(left: Source, right: Source, columns: readonly ScopeColumn[]): SqlPair {
    const dice = this.#dice;
    const count = dice.pick([1, 1, 2, 3]);
    const conditions: SqlPair[] = [];
    for (let at = 0; at < count; at += 1) {
      const a = dice.pick(left.columns);
      const suffix = a.sql.slice(a.sql.indexOf('.'));
      const twins = right.columns.filter((b) => b.type === a.type);
      const twin = twins.find((b) => b.sql.endsWith(suffix)) ?? twins[0];
      if (twin !== undefined)
        conditions.push(pair`${a.sql} = ${(dice.chance(0.8) ? twin : dice.pick(twins)).sql}`);
    }
    if (columns.length > 0 && dice.chance(0.2))
      conditions.push(new RandomExpression(dice, columns).predicate(1));
    return conditions.length === 0 ? same('1 = 1') : joinPairs(conditions, ' AND ');
  }

  /** @param outer columns of the enclosing query, for correlation */
  #select(depth: number, outer: readonly ScopeColumn[]): BuiltSelect {
    const source = this.#from(depth);
    const scope = [...source.columns, ...outer];
    const where = this.#where(scope, source.columns, depth);
    const dice = this.#dice;
    if (dice.chance(0.45)) return this.#grouped(source, where);
    const expressions = new RandomExpression(dice, source.columns);
    const items: TypedPair[] = Array.from({ length: dice.between(1, 4) }, () => expressions.any(1));
    if (depth > 0 && dice.chance(0.12)) items.push(this.#scalarSubquery(source.columns));
    if (dice.chance(0.08)) items.push(this.#window(source.columns));
    const distinct = dice.chance(0.2) ? 'DISTINCT ' : '';
    return {
      sql: pair`SELECT ${distinct}${itemList(items)} FROM ${source.sql}${where}`,
      types: items.map((item) => item.type),
    };
  }

  #where(scope: readonly ScopeColumn[], own: readonly ScopeColumn[], depth: number): SqlPair {
    const dice = this.#dice;
    if (dice.chance(0.45)) return same('');
    const expressions = new RandomExpression(dice, scope);
    const conditions = Array.from({ length: dice.pick([1, 1, 1, 2]) }, () => expressions.predicate(1));
    if (depth > 0 && dice.chance(0.2)) conditions.push(this.#subqueryPredicate(own));
    return pair` WHERE ${joinPairs(conditions, ' AND ')}`;
  }

  #subqueryPredicate(scope: readonly ScopeColumn[]): SqlPair {
    const dice = this.#dice;
    const inner = this.#table();
    const column = dice.pick(scope);
    const correlated = dice.chance(0.4);
    const where = this.#where(correlated ? [...inner.columns, ...scope] : inner.columns, inner.columns, 0);
    const not = dice.chance(0.3) ? 'NOT ' : '';
    if (dice.chance(0.4)) return pair`${not}EXISTS (SELECT 1 FROM ${inner.sql}${where})`;
    const partner = dice.pick(inner.columns.filter((each) => each.type === column.type).concat(column));
    if (dice.chance(0.2)) return pair`${column.sql} >= ALL (SELECT ${partner.sql} FROM ${inner.sql}${where})`;
    const own = inner.columns.find((each) => each.type === column.type);
    const [first] = scope;
    const [other] = inner.columns;
    if (
      !correlated &&
      own !== undefined &&
      first !== undefined &&
      other?.type === first.type &&
      dice.chance(0.2)
    ) {
      return pair`(${column.sql}, ${first.sql}) IN (SELECT ${own.sql}, ${other.sql} FROM ${inner.sql}${where})`;
    }
    return pair`${column.sql} ${not}IN (SELECT ${partner.sql} FROM ${inner.sql}${where})`;
  }

  #scalarSubquery(scope: readonly ScopeColumn[]): TypedPair {
    const inner = this.#table();
    const where = this.#where([...inner.columns, ...scope], inner.columns, 0);
    const column = this.#dice.pick(inner.columns);
    return { ...pair`(SELECT MAX(${column.sql}) FROM ${inner.sql}${where})`, type: column.type };
  }

  #window(scope: readonly ScopeColumn[]): TypedPair {
    const partition = this.#dice.pick(scope).sql;
    const integers = scope.filter((column) => column.type === 'int');
    const value = integers.length === 0 ? '1' : this.#dice.pick(integers).sql;
    const key = this.#orderKey(value);
    return {
      ...this.#dice.pick([
        pair`COUNT(*) OVER (PARTITION BY ${partition})`,
        pair`SUM(${value}) OVER (PARTITION BY ${partition})`,
        pair`RANK() OVER (PARTITION BY ${partition} ORDER BY ${key})`,
        pair`DENSE_RANK() OVER (ORDER BY ${key})`,
      ]),
      type: 'int',
    };
  }

  #grouped(source: Source, where: SqlPair): BuiltSelect {
    const dice = this.#dice;
    const expressions = new RandomExpression(dice, source.columns);
    const keys = Array.from({ length: dice.pick([0, 0, 1, 1, 1, 2]) }, () =>
      dice.chance(0.75)
        ? typedColumn(dice.pick(source.columns))
        : expressions.value(dice.pick(['int', 'text'] as const), 1),
    ).filter((key) => /[a-z]\d*\./.test(key.mysql));
    const aggregates = Array.from({ length: dice.between(keys.length === 0 ? 1 : 0, 3) }, () =>
      this.#aggregate(expressions, source.columns),
    );
    const [key] = keys;
    const plainKey = source.columns.find((column) => column.sql === key?.mysql);
    if (plainKey !== undefined && dice.chance(0.15)) aggregates.push(this.#keySubquery(plainKey));
    const items = [...keys, ...aggregates];
    if (items.length === 0)
      return { sql: pair`SELECT COUNT(*) AS x0 FROM ${source.sql}${where}`, types: ['int'] };
    const rollup =
      keys.length > 0 && new Set(keys.map((each) => each.mysql)).size === keys.length && dice.chance(0.08);
    const list = joinPairs(keys, ', ');
    const group =
      keys.length === 0
        ? same('')
        : rollup
          ? { mysql: ` GROUP BY ${list.mysql} WITH ROLLUP`, duckdb: ` GROUP BY ROLLUP (${list.duckdb})` }
          : pair` GROUP BY ${list}`;
    const having = dice.chance(0.25) ? pair` HAVING ${this.#having(expressions)}` : same('');
    const distinct = dice.chance(0.1) ? 'DISTINCT ' : '';
    return {
      sql: pair`SELECT ${distinct}${itemList(items)} FROM ${source.sql}${where}${group}${having}`,
      types: items.map((item) => item.type),
    };
  }

  /** A subquery of a grouped select that is correlated with a group key. */
  #keySubquery(key: ScopeColumn): TypedPair {
    const inner = this.#table();
    const twin = inner.columns.find((column) => column.type === key.type);
    return {
      ...pair`(SELECT COUNT(*) FROM ${inner.sql} WHERE ${twin?.sql ?? key.sql} = ${key.sql})`,
      type: 'int',
    };
  }

  #having(expressions: RandomExpression): SqlPair {
    const value = expressions.value('int', 1);
    return this.#dice.pick([
      same(`COUNT(*) > ${this.#dice.between(0, 3)}`),
      pair`SUM(${value}) > 2`,
      pair`MIN(${value}) IS NOT NULL AND COUNT(DISTINCT ${value}) < 4`,
    ]);
  }

  #aggregate(expressions: RandomExpression, scope: readonly ScopeColumn[]): TypedPair {
    const dice = this.#dice;
    const any = dice.chance(0.6) ? typedColumn(dice.pick(scope)) : expressions.any(1);
    const int = expressions.value('int', 1);
    const number = expressions.value(dice.pick(['int', 'decimal', 'double'] as const), 1);
    const average: SqlPair =
      number.type === 'double'
        ? pair`AVG(${number})`
        : {
            mysql: `AVG(${number.mysql})`,
            duckdb: `CAST(CAST(sum(${number.duckdb}) AS DOUBLE) / nullif(count(${number.duckdb}), 0) AS DECIMAL(30,${number.type === 'int' ? 4 : 9}))`,
          };
    const text = scope.find((column) => column.type === 'text')?.sql ?? "''";
    return dice.pick<() => TypedPair>([
      () => ({ ...same('COUNT(*)'), type: 'int' }),
      () => ({ ...pair`COUNT(${any})`, type: 'int' }),
      () => ({ ...pair`COUNT(DISTINCT ${any})`, type: 'int' }),
      () => ({ ...pair`SUM(${number})`, type: number.type }),
      () => ({ ...pair`SUM(DISTINCT ${int})`, type: 'int' }),
      () =>
        number.type === 'decimal'
          ? { ...pair`MAX(${number})`, type: 'decimal' }
          : { ...average, type: 'double' },
      () => ({ ...pair`MIN(${any})`, type: any.type }),
      () => ({ ...pair`MAX(${any})`, type: any.type }),
      () =>
        text === "''"
          ? { ...pair`MAX(${any})`, type: any.type }
          : {
              mysql: `GROUP_CONCAT(${text} ORDER BY ${text} SEPARATOR '|')`,
              duckdb: `string_agg(${text}, '|' ORDER BY ${text})`,
              type: 'text',
            },
    ])();
  }

  #selectOf(types: readonly ValueType[]): SqlPair {
    const source = this.#table();
    const expressions = new RandomExpression(this.#dice, source.columns);
    const items = types.map((type) => expressions.value(type, 1));
    return pair`SELECT ${itemList(items)} FROM ${source.sql}${this.#where(source.columns, source.columns, 0)}`;
  }

  #setOperation(): BuiltSelect {
    const dice = this.#dice;
    const types = Array.from({ length: dice.between(1, 3) }, () => dice.pick(valueTypes));
    const operator = dice.pick(['UNION', 'UNION', 'UNION ALL', 'UNION ALL', 'EXCEPT', 'INTERSECT']);
    return { sql: pair`${this.#selectOf(types)} ${operator} ${this.#selectOf(types)}`, types };
  }

  /** A common table expression that is used twice. */
  #with(): BuiltSelect {
    const { sql, types } = this.#select(1, []);
    const [left, right] = [this.#alias(), this.#alias()];
    const items = types.map(
      (type, at): TypedPair => ({ ...same(`${at % 2 === 0 ? left : right}.x${at}`), type }),
    );
    return {
      sql: pair`WITH w AS (${sql}) SELECT ${itemList(items)} FROM w AS ${left} JOIN w AS ${right} ON ${left}.x0 = ${right}.x0`,
      types,
    };
  }
}

function typedColumn(column: ScopeColumn): TypedPair {
  return { ...same(column.sql), type: column.type };
}

function itemList(items: readonly SqlPair[]): SqlPair {
  return joinPairs(
    items.map((item, at) => pair`${item} AS x${String(at)}`),
    ', ',
  );
}
