import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { CatalogView } from '@millrace/catalog/catalog-view';
import type { DatabaseDefinition, TableDefinition } from '@millrace/catalog/definitions';
import { partitionExpression, partitionOf } from '@millrace/engine/shard-hash';
import type { ResultColumn } from '@millrace/values/column-batch';
import { duckdbTypeOf } from '@millrace/values/duckdb-type-of';
import type { SqlType } from '@millrace/values/sql-type';
import type { Fragment, PartitionSet, SelectPlan } from '../plan.ts';
import { quoteIdentifier } from '../render/sql-text.ts';

const leafCount = 2;

/** Rows as the JSON-like values of node-api, and the DuckDB types of the columns. */
export interface Rows {
  readonly rows: readonly (readonly unknown[])[];
  readonly types: readonly string[];
}

/**
 * A cluster of two leaves in one DuckDB: each partition is a schema `p0`, `p1`, …, reference tables are in schema `ref`,
 * and schema `plain` holds every row of every table for comparison. Plans run as the executor runs them: a fragment on
 * each leaf over all its partitions, then the merge.
 */
export class MiniCluster {
  readonly catalog: CatalogView;
  readonly #connection: DuckDBConnection;
  readonly #instance: DuckDBInstance;
  readonly #database: DatabaseDefinition;
  readonly #tables = new Map<string, TableDefinition>();

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection, partitionCount: number) {
    this.#instance = instance;
    this.#connection = connection;
    this.#database = { id: 1n, name: 'db', partitionCount, schemaVersion: 1n };
    this.catalog = {
      database: (name) => (name === 'db' ? this.#database : undefined),
      table: (database, name) => (database === 'db' ? this.#tables.get(name) : undefined),
    };
  }

  static async open(partitionCount: number): Promise<MiniCluster> {
    const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
    const cluster = new MiniCluster(instance, await instance.connect(), partitionCount);
    for (const schema of ['plain', 'ref', ...cluster.#partitions()])
      await cluster.run(`CREATE SCHEMA ${schema}`);
    return cluster;
  }

  #partitions(): readonly string[] {
    return Array.from({ length: this.#database.partitionCount }, (_unused, ordinal) => `p${ordinal}`);
  }

  async run(sql: string): Promise<void> {
    await this.#connection.run(sql);
  }

  async rows(sql: string): Promise<Rows> {
    const reader = await this.#connection.runAndReadAll(sql);
    return { rows: reader.getRowsJson(), types: reader.columnTypes().map(String) };
  }

  /** Creates a table everywhere and distributes the rows of a DuckDB VALUES list. */
  async createTable(table: TableDefinition, values: readonly string[]): Promise<void> {
    this.#tables.set(table.name, table);
    const name = quoteIdentifier(table.name);
    const columns = table.columns
      .map((column) => `${quoteIdentifier(column.name)} ${duckdbTypeOf(column.type)}`)
      .join(', ');
    await this.run(`CREATE TABLE plain.${name} (${columns})`);
    if (values.length > 0) await this.run(`INSERT INTO plain.${name} VALUES ${values.join(', ')}`);
    if (table.reference) {
      await this.run(`CREATE TABLE ref.${name} AS SELECT * FROM plain.${name}`);
      return;
    }
    const partition = this.#partitionSql(table);
    for (const [ordinal, schema] of this.#partitions().entries()) {
      await this.run(
        `CREATE TABLE ${schema}.${name} AS SELECT * FROM plain.${name} WHERE ${partition} = ${ordinal}`,
      );
    }
  }

  #partitionSql(table: TableDefinition): string {
    const { partitionCount } = this.#database;
    if (table.shardKey.length === 0) return `rowid % ${partitionCount}`;
    const key = table.shardKey.map((name) => ({
      type: typeOf(table, name),
      expression: quoteIdentifier(name),
    }));
    return partitionExpression(key, partitionCount);
  }

  async dropTables(): Promise<void> {
    for (const table of this.#tables.values()) {
      const schemas = ['plain', ...(table.reference ? ['ref'] : this.#partitions())];
      for (const schema of schemas) await this.run(`DROP TABLE ${schema}.${quoteIdentifier(table.name)}`);
    }
    this.#tables.clear();
  }

  /**
   * Runs a plan in one statement, its inputs as common table expressions. With `checkTypes` each input must have exactly
   * the columns that its fragment promises.
   */
  async execute(plan: SelectPlan, checkTypes = false): Promise<Rows> {
    if (plan.kind !== 'merge') {
      if (checkTypes) await this.#checkTypes(plan.fragment);
      const limit = plan.kind === 'concat' && plan.limit !== null ? ` LIMIT ${plan.limit}` : '';
      return this.rows(`SELECT * FROM (${this.#fragmentSql(plan.fragment)})${limit}`);
    }
    const inputs: string[] = [];
    for (const input of plan.inputs) {
      if (input.kind === 'virtual') {
        inputs.push(`${input.name} AS (SELECT * FROM virtual.${quoteIdentifier(input.view)})`);
        continue;
      }
      if (checkTypes) await this.#checkTypes(input.fragment);
      inputs.push(`${input.name} AS MATERIALIZED (${this.#fragmentSql(input.fragment)})`);
    }
    return this.rows(inputs.length === 0 ? plan.sql : `WITH ${inputs.join(', ')} ${plan.sql}`);
  }

  /** The rows of a fragment on all its leaves. */
  #fragmentSql(fragment: Fragment): string {
    const leaves = this.#leafPartitions(fragment.partitions);
    if (leaves.length === 0) return `SELECT ${fragment.columns.map(emptyColumn).join(', ')} WHERE FALSE`;
    return leaves
      .map((partitions) => {
        const sql = fragment.sql.map((part) =>
          part.kind === 'text' ? part.text : this.#tableSql(part.table, partitions),
        );
        return `(${sql.join('')})`;
      })
      .join(' UNION ALL ');
  }

  async #checkTypes(fragment: Fragment): Promise<void> {
    const { rows } = await this.rows(`DESCRIBE (${this.#fragmentSql(fragment)})`);
    const got = rows.map(([column, type]) => `${column} ${type}`);
    const promised = fragment.columns.map((column) => `${column.name} ${duckdbTypeOf(column.type)}`);
    if (got.join() !== promised.join()) {
      throw new Error(`fragment gave ${got.join()}, promised ${promised.join()}`);
    }
  }

  #tableSql(table: TableDefinition, partitions: readonly string[]): string {
    const name = quoteIdentifier(table.name);
    if (table.reference) return `ref.${name}`;
    return `(${partitions.map((partition) => `SELECT * FROM ${partition}.${name}`).join(' UNION ALL ')})`;
  }

  /** The partitions that each leaf reads. */
  #leafPartitions(set: PartitionSet): readonly (readonly string[])[] {
    const wanted = this.#wantedOrdinals(set);
    if (set.kind === 'reference') return [[]];
    const leaves = Array.from({ length: leafCount }, (_unused, leaf) =>
      wanted.filter((ordinal) => ordinal % leafCount === leaf).map((ordinal) => `p${ordinal}`),
    );
    return leaves.filter((partitions) => partitions.length > 0);
  }

  #wantedOrdinals(set: PartitionSet): readonly number[] {
    const { partitionCount } = this.#database;
    switch (set.kind) {
      case 'all':
        return Array.from({ length: partitionCount }, (_unused, ordinal) => ordinal);
      case 'keys': {
        const types = set.table.shardKey.map((name) => typeOf(set.table, name));
        const ordinals = set.keys.map((key) =>
          partitionOf(
            key.map((value, at) => ({ type: types[at] ?? { kind: 'null' }, value })),
            partitionCount,
          ),
        );
        return [...new Set(ordinals)];
      }
      case 'reference':
      case 'none':
        return [];
    }
  }

  close(): void {
    this.#connection.closeSync();
    this.#instance.closeSync();
  }
}

function emptyColumn({ name, type }: ResultColumn): string {
  return `CAST(NULL AS ${duckdbTypeOf(type)}) AS ${quoteIdentifier(name)}`;
}

function typeOf(table: TableDefinition, name: string): SqlType {
  const column = table.columns.find((candidate) => candidate.name === name);
  if (column === undefined) throw new Error(`no column ${name}`);
  return column.type;
}
