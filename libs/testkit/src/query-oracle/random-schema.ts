import type { Dice } from './dice.ts';
import type { ValueType } from './sql-pair.ts';

export interface RandomColumn {
  readonly name: string;
  readonly type: ValueType;
}

export interface RandomTable {
  readonly name: string;
  /** CREATE TABLE in the database's dialect. */
  readonly ddl: string;
  readonly columns: readonly RandomColumn[];
  /** Rows as VALUES tuples that mean the same in MySQL and DuckDB. */
  readonly rows: readonly string[];
}

/** Columns that every table has, so that joins find partners. `id` is unique and not NULL. */
const columns = [
  { name: 'id', type: 'int', ddl: 'INT NOT NULL' },
  { name: 'k', type: 'int', ddl: 'INT' },
  { name: 'b', type: 'int', ddl: 'BIGINT' },
  { name: 's', type: 'text', ddl: 'VARCHAR(10)' },
  { name: 'n', type: 'decimal', ddl: 'DECIMAL(10,2)' },
  { name: 'v', type: 'double', ddl: 'DOUBLE' },
  { name: 'd', type: 'date', ddl: 'DATE' },
] as const;

/** Key clauses; the first one of them makes reference tables. */
const placements = [
  'PRIMARY KEY (id)',
  'PRIMARY KEY (id), SHARD KEY (id)',
  'SHARD KEY (k)',
  'SHARD KEY (b)',
  'SHARD KEY (k, s)',
  'SHARD KEY (s)',
  'SHARD KEY (d)',
  'SHARD KEY ()',
  'KEY (k)',
] as const;

const texts = ["'a'", "'B'", "''", "'a1'", "'10'", "'7'", "'b%'", "'naïve'", "'A'"];

/** Tables of one random database: sharded in different ways, some reference tables, NULLs and duplicates everywhere. */
export function randomSchema(dice: Dice): readonly RandomTable[] {
  return Array.from({ length: dice.between(3, 5) }, (_unused, at) => randomTable(dice, `t${at}`, at === 0));
}

function randomTable(dice: Dice, name: string, reference: boolean): RandomTable {
  const isReference = reference || dice.chance(0.15);
  const keys = isReference ? placements[0] : dice.pick(placements);
  const definitions = columns.map((column) => `${column.name} ${column.ddl}`).join(', ');
  const storage = !isReference && dice.chance(0.3) ? 'COLUMNSTORE ' : '';
  return {
    name,
    ddl: `CREATE ${storage}${isReference ? 'REFERENCE ' : ''}TABLE ${name} (${definitions}, ${keys})`,
    columns: columns.map((column) => ({ name: column.name, type: column.type })),
    rows: Array.from({ length: dice.chance(0.05) ? 0 : dice.between(4, 30) }, (_unused, id) =>
      randomRow(dice, id),
    ),
  };
}

function randomRow(dice: Dice, id: number): string {
  const orNull = (value: string) => (dice.chance(0.15) ? 'NULL' : value);
  const day = String(dice.between(1, 5)).padStart(2, '0');
  return `(${[
    id,
    orNull(String(dice.between(-1, 5))),
    orNull(String(dice.between(0, 6))),
    orNull(dice.pick(texts)),
    orNull((dice.between(-12, 24) / 4).toFixed(2)),
    orNull((dice.between(-12, 24) / 4).toFixed(2)),
    orNull(`'2026-0${dice.between(1, 2)}-${day}'`),
  ].join(', ')})`;
}
