import type { Dice } from './dice.ts';
import { joinPairs, pair, type SqlPair, same, type TypedPair, type ValueType } from './sql-pair.ts';

/** A column that an expression may use. */
export interface ScopeColumn {
  readonly sql: string;
  readonly type: ValueType;
}

export const valueTypes: readonly ValueType[] = ['int', 'decimal', 'double', 'text', 'date'];

/** Random expressions over the columns of a scope, nested up to `depth`. */
export class RandomExpression {
  readonly #dice: Dice;
  readonly #scope: readonly ScopeColumn[];

  constructor(dice: Dice, scope: readonly ScopeColumn[]) {
    this.#dice = dice;
    this.#scope = scope;
  }

  value(type: ValueType, depth: number): TypedPair {
    const columns = this.#scope.filter((column) => column.type === type);
    const leaf = depth <= 0 || this.#dice.chance(0.5);
    if (leaf && columns.length > 0 && this.#dice.chance(0.8))
      return { ...same(this.#dice.pick(columns).sql), type };
    return { ...(leaf ? this.#literal(type) : this.#compound(type, depth - 1)), type };
  }

  any(depth: number): TypedPair {
    return this.value(this.#dice.pick(valueTypes), depth);
  }

  #literal(type: ValueType): SqlPair {
    const dice = this.#dice;
    switch (type) {
      case 'int':
        return same(String(dice.between(0, 9)));
      case 'decimal':
        return same((dice.between(1, 20) / 4).toFixed(2));
      case 'double': {
        const text = (dice.between(1, 20) / 4).toFixed(2);
        return { mysql: `${text}e0`, duckdb: `CAST(${text} AS DOUBLE)` };
      }
      case 'text':
        return same(dice.pick(["'a'", "'B'", "''", "'7'", "'a1'"]));
      case 'date': {
        const text = `'2026-01-0${dice.between(1, 5)}'`;
        return { mysql: `DATE ${text}`, duckdb: `DATE ${text}` };
      }
    }
  }

  #compound(type: ValueType, depth: number): SqlPair {
    const general = [
      () =>
        pair`CASE WHEN ${this.predicate(depth)} THEN ${this.value(type, depth)} ELSE ${this.value(type, depth)} END`,
      () => {
        const [a, b] = [this.value(type, depth), this.value(type, depth)];
        return { mysql: `IFNULL(${a.mysql}, ${b.mysql})`, duckdb: `coalesce(${a.duckdb}, ${b.duckdb})` };
      },
    ];
    const own = {
      int: () => this.#integer(depth),
      decimal: () => this.#decimal(depth),
      double: () => this.#double(depth),
      text: () => this.#text(depth),
      date: () => this.#date(depth),
    }[type];
    return this.#dice.chance(0.3) ? this.#dice.pick(general)() : own();
  }

  #integer(depth: number): SqlPair {
    const a = this.value('int', depth);
    const b = this.value('int', depth);
    const s = this.value('text', depth);
    const d = this.value('date', depth);
    const wide = (x: SqlPair) => `CAST(${x.duckdb} AS BIGINT)`;
    const predicate = this.predicate(depth);
    return this.#dice.pick([
      { mysql: `(${a.mysql} + ${b.mysql})`, duckdb: `(${wide(a)} + ${wide(b)})` },
      { mysql: `(${a.mysql} - ${b.mysql})`, duckdb: `(${wide(a)} - ${wide(b)})` },
      { mysql: `(${a.mysql} * 3)`, duckdb: `(${wide(a)} * 3)` },
      { mysql: `(${a.mysql} DIV ${b.mysql})`, duckdb: `(${wide(a)} // ${wide(b)})` },
      { mysql: `(${a.mysql} % ${b.mysql})`, duckdb: `(${wide(a)} % ${wide(b)})` },
      { mysql: `ABS(${a.mysql})`, duckdb: `abs(${a.duckdb})` },
      { mysql: `(-${a.mysql})`, duckdb: `(-1 * ${wide(a)})` },
      { mysql: `CHAR_LENGTH(${s.mysql})`, duckdb: `length(${s.duckdb})` },
      { mysql: `YEAR(${d.mysql})`, duckdb: `year(${d.duckdb})` },
      { mysql: `DAYOFWEEK(${d.mysql})`, duckdb: `(dayofweek(${d.duckdb}) + 1)` },
      { mysql: `DATEDIFF(${d.mysql}, '2026-01-01')`, duckdb: `(${d.duckdb} - DATE '2026-01-01')` },
      {
        mysql: `IF(${predicate.mysql}, ${a.mysql}, ${b.mysql})`,
        duckdb: `CASE WHEN ${predicate.duckdb} THEN ${a.duckdb} ELSE ${b.duckdb} END`,
      },
      { mysql: `(${predicate.mysql})`, duckdb: `CAST((${predicate.duckdb}) AS INTEGER)` },
      { mysql: `NULLIF(${a.mysql}, ${b.mysql})`, duckdb: `nullif(${wide(a)}, ${wide(b)})` },
      { mysql: `INSTR(${s.mysql}, 'a')`, duckdb: `strpos(${s.duckdb}, 'a')` },
    ]);
  }

  #decimal(depth: number): SqlPair {
    const a = this.value('decimal', depth);
    const b = this.value('decimal', depth);
    const i = this.value('int', depth);
    const exact = (x: SqlPair) => `CAST(${x.duckdb} AS DECIMAL(30,6))`;
    return this.#dice.pick([
      { mysql: `(${a.mysql} + ${b.mysql})`, duckdb: `(${exact(a)} + ${exact(b)})` },
      { mysql: `(${a.mysql} - ${i.mysql})`, duckdb: `(${exact(a)} - ${exact(i)})` },
      { mysql: `(2 * ${a.mysql})`, duckdb: `(2 * ${exact(a)})` },
      { mysql: `ROUND(${a.mysql}, 1)`, duckdb: `round(${exact(a)}, 1)` },
      { mysql: `ABS(${a.mysql})`, duckdb: `abs(${a.duckdb})` },
    ]);
  }

  #double(depth: number): SqlPair {
    const a = this.value('double', depth);
    const n = this.value('decimal', depth);
    const double = (x: SqlPair) => `CAST(${x.duckdb} AS DOUBLE)`;
    return this.#dice.pick([
      { mysql: `(${a.mysql} + ${n.mysql})`, duckdb: `(${double(a)} + ${double(n)})` },
      { mysql: `(${a.mysql} * 2)`, duckdb: `(${double(a)} * 2)` },
      { mysql: `FLOOR(${a.mysql})`, duckdb: `floor(${double(a)})` },
      { mysql: `(${n.mysql} - ${a.mysql})`, duckdb: `(${double(n)} - ${double(a)})` },
    ]);
  }

  #text(depth: number): SqlPair {
    const a = this.value('text', depth);
    const b = this.value('text', depth);
    const i = this.value('int', depth);
    return this.#dice.pick([
      { mysql: `CONCAT(${a.mysql}, ${b.mysql})`, duckdb: `(${a.duckdb} || ${b.duckdb})` },
      { mysql: `CONCAT(${a.mysql}, ${i.mysql})`, duckdb: `(${a.duckdb} || CAST(${i.duckdb} AS VARCHAR))` },
      pair`UPPER(${a})`,
      pair`LEFT(${a}, 1)`,
      pair`SUBSTRING(${a}, 2, 3)`,
      pair`REPLACE(${a}, 'a', 'xy')`,
      pair`REVERSE(${a})`,
      pair`CASE ${a} WHEN 'a' THEN 'first' WHEN ${b} THEN 'second' END`,
    ]);
  }

  #date(depth: number): SqlPair {
    const d = this.value('date', depth);
    const days = this.#dice.between(-3, 3);
    return this.#dice.pick([
      { mysql: `DATE_ADD(${d.mysql}, INTERVAL ${days} DAY)`, duckdb: `CAST(${d.duckdb} + ${days} AS DATE)` },
      { mysql: `LAST_DAY(${d.mysql})`, duckdb: `last_day(${d.duckdb})` },
      { mysql: `(${d.mysql} + INTERVAL 1 MONTH)`, duckdb: `CAST(${d.duckdb} + INTERVAL 1 MONTH AS DATE)` },
    ]);
  }

  predicate(depth: number): SqlPair {
    const dice = this.#dice;
    if (depth > 0 && dice.chance(0.35)) return this.#connective(depth - 1);
    const type = dice.pick(valueTypes);
    const a = this.value(type, depth - 1);
    const b = this.value(type, depth - 1);
    const number = String(dice.between(0, 9));
    const column = this.#scope.find((each) => each.type === 'int');
    return dice.pick([
      () => pair`(${a} ${dice.pick(['=', '<>', '<', '<=', '>', '>='])} ${b})`,
      () => pair`(${a} ${dice.pick(['=', '<', '>='])} ${b})`,
      () => ({
        mysql: `(${a.mysql} <=> ${b.mysql})`,
        duckdb: `(${a.duckdb} IS NOT DISTINCT FROM ${b.duckdb})`,
      }),
      () => pair`(${a} IS ${dice.chance(0.5) ? 'NOT ' : ''}NULL)`,
      () => pair`(${a} ${dice.chance(0.3) ? 'NOT ' : ''}BETWEEN ${b} AND ${this.value(type, depth - 1)})`,
      () => pair`(${a} ${dice.chance(0.3) ? 'NOT ' : ''}IN (${b}, ${this.value(type, 0)}))`,
      () => pair`(${this.value('text', depth - 1)} LIKE ${dice.pick(["'a%'", "'%1'", "'_'", "'%'"])})`,
      // Routing: a column, often a shard key, against constants, also as text and decimal.
      () =>
        column === undefined
          ? pair`(${a} = ${b})`
          : { mysql: `(${column.sql} = '${number}')`, duckdb: `(${column.sql} = ${number})` },
      () =>
        column === undefined
          ? pair`(${a} = ${b})`
          : pair`(${column.sql} IN (${number}, ${String(dice.between(0, 9))}, NULL))`,
      () => (column === undefined ? pair`(${a} = ${b})` : pair`(${column.sql} = ${number}.0)`),
    ])();
  }

  #connective(depth: number): SqlPair {
    const a = this.predicate(depth);
    const b = this.predicate(depth);
    return this.#dice.pick([
      joinPairs([pair`(${a}`, pair`${b})`], ' AND '),
      joinPairs([pair`(${a}`, pair`${b})`], ' OR '),
      pair`(NOT ${a})`,
      pair`(${a} IS ${this.#dice.chance(0.5) ? 'NOT ' : ''}TRUE)`,
      { mysql: `(${a.mysql} XOR ${b.mysql})`, duckdb: `(${a.duckdb} <> ${b.duckdb})` },
    ]);
  }
}
