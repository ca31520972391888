import { MillraceError } from '@millrace/errors/millrace-error';
import type { CatalogView } from '../catalog-view.ts';
import type { DatabaseDefinition, LeafRecord, PartitionPlacement, TableDefinition } from '../definitions.ts';
import { type CatalogDatabase, integerAt, numberAt, type Row, textAt } from './database.ts';
import { fromJson, toJson } from './json.ts';

interface LoadedDatabase {
  readonly definition: DatabaseDefinition;
  readonly partitions: readonly PartitionPlacement[];
  readonly tables: ReadonlyMap<string, TableDefinition>;
}

/**
 * Databases, tables and the partition map. Reads come from memory, since every statement makes several; writes go to
 * SQLite first. Each change of a database's tables raises its schema version.
 */
export class SchemaStore implements CatalogView {
  readonly #db: CatalogDatabase;
  #databases: ReadonlyMap<string, LoadedDatabase>;

  constructor(db: CatalogDatabase) {
    this.#db = db;
    this.#databases = this.#load();
  }

  #load(): ReadonlyMap<string, LoadedDatabase> {
    const databases = new Map<string, LoadedDatabase>();
    for (const row of this.#db.all('SELECT * FROM databases ORDER BY name')) {
      const id = integerAt(row, 'id');
      const partitions = this.#db
        .all('SELECT ordinal, leaf_id FROM partitions WHERE database_id = ? ORDER BY ordinal', id)
        .map((each) => ({ ordinal: numberAt(each, 'ordinal'), leafId: textAt(each, 'leaf_id') }));
      const tables = this.#db
        .all('SELECT definition FROM tables WHERE database_id = ? ORDER BY name', id)
        .map((each) => fromJson<TableDefinition>(textAt(each, 'definition')));
      databases.set(textAt(row, 'name'), {
        definition: databaseOf(row),
        partitions,
        tables: new Map(tables.map((table) => [table.name, table])),
      });
    }
    return databases;
  }

  /** Runs a change of the schema: durable and visible when it returns. */
  #change<T>(work: () => T): T {
    const result = this.#db.transaction(work);
    this.#databases = this.#load();
    return result;
  }

  databases(): DatabaseDefinition[] {
    return [...this.#databases.values()].map((each) => each.definition);
  }

  database(name: string): DatabaseDefinition | undefined {
    return this.#databases.get(name)?.definition;
  }

  databaseById(id: bigint): DatabaseDefinition | undefined {
    return this.databases().find((each) => each.id === id);
  }

  tables(databaseName: string): TableDefinition[] {
    return [...(this.#databases.get(databaseName)?.tables.values() ?? [])];
  }

  table(databaseName: string, tableName: string): TableDefinition | undefined {
    return this.#databases.get(databaseName)?.tables.get(tableName);
  }

  /** Where each partition of a database lives, by ordinal. */
  partitions(databaseName: string): readonly PartitionPlacement[] {
    return this.#databases.get(databaseName)?.partitions ?? [];
  }

  /** Throws DATABASE_EXISTS. `leafIds[k]` holds partition k. */
  createDatabase(name: string, leafIds: readonly string[]): DatabaseDefinition {
    if (this.#databases.has(name)) throw new MillraceError('DATABASE_EXISTS', `database '${name}' exists`);
    this.#change(() => {
      const { lastInsertRowid: id } = this.#db.run(
        'INSERT INTO databases (id, name, partition_count, schema_version) VALUES (?, ?, ?, 1)',
        this.nextId('database'),
        name,
        leafIds.length,
      );
      leafIds.forEach((leafId, ordinal) => {
        this.#db.run(
          'INSERT INTO partitions (database_id, ordinal, leaf_id) VALUES (?, ?, ?)',
          id,
          ordinal,
          leafId,
        );
      });
    });
    return this.#mustDatabase(name).definition;
  }

  /** Forgets a database; its id is kept in `droppedDatabaseIds` so that leaves that were away drop it later. */
  dropDatabase(name: string): void {
    const { id } = this.#mustDatabase(name).definition;
    this.#change(() => {
      this.#db.run('DELETE FROM databases WHERE id = ?', id);
      this.#db.run('INSERT INTO dropped_databases (id) VALUES (?)', id);
    });
  }

  droppedDatabaseIds(): bigint[] {
    return this.#db.all('SELECT id FROM dropped_databases').map((row) => integerAt(row, 'id'));
  }

  /** Adds a table under a new id and returns it. Throws TABLE_EXISTS. */
  createTable(databaseName: string, draft: Omit<TableDefinition, 'id'>): TableDefinition {
    const database = this.#mustDatabase(databaseName);
    if (database.tables.has(draft.name)) {
      throw new MillraceError('TABLE_EXISTS', `table '${databaseName}.${draft.name}' exists`);
    }
    return this.#change(() => {
      const table: TableDefinition = { ...draft, id: this.nextId('table') };
      this.#db.run(
        'INSERT INTO tables (id, database_id, name, definition) VALUES (?, ?, ?, ?)',
        table.id,
        database.definition.id,
        table.name,
        toJson(table),
      );
      this.#raiseVersion(database.definition.id);
      return table;
    });
  }

  dropTable(databaseName: string, tableName: string): void {
    const { id } = this.#mustDatabase(databaseName).definition;
    this.#change(() => {
      this.#db.run('DELETE FROM tables WHERE database_id = ? AND name = ?', id, tableName);
      this.#raiseVersion(id);
    });
  }

  #raiseVersion(databaseId: bigint): void {
    this.#db.run('UPDATE databases SET schema_version = schema_version + 1 WHERE id = ?', databaseId);
  }

  #mustDatabase(name: string): LoadedDatabase {
    const found = this.#databases.get(name);
    if (found === undefined) throw new MillraceError('DATABASE_UNKNOWN', `unknown database '${name}'`);
    return found;
  }

  /** Every leaf that ever joined, the removed ones included. */
  leaves(): LeafRecord[] {
    return this.#db.all('SELECT leaf_id, address, removed FROM leaves ORDER BY leaf_id').map((row) => ({
      leafId: textAt(row, 'leaf_id'),
      address: textAt(row, 'address'),
      removed: numberAt(row, 'removed') === 1,
    }));
  }

  /** Adds a leaf, or notes its new address. Writes nothing that is known, so that a leaf returns while the disk is full. */
  saveLeaf(leaf: Omit<LeafRecord, 'removed'>): void {
    if (this.leaves().some(({ leafId, address }) => leafId === leaf.leafId && address === leaf.address))
      return;
    this.#db.run(
      'INSERT INTO leaves (leaf_id, address) VALUES (?, ?) ON CONFLICT (leaf_id) DO UPDATE SET address = excluded.address',
      leaf.leafId,
      leaf.address,
    );
  }

  /** Names of the databases of which a leaf has partitions. */
  databasesOn(leafId: string): string[] {
    return [...this.#databases.values()]
      .filter(({ partitions }) => partitions.some((partition) => partition.leafId === leafId))
      .map(({ definition }) => definition.name);
  }

  setLeafRemoved(leafId: string, removed: boolean): void {
    this.#db.run('UPDATE leaves SET removed = ? WHERE leaf_id = ?', removed ? 1 : 0, leafId);
  }

  /** Ordinals that a leaf has confirmed to hold of a database; -1 is its copy of the reference tables. */
  heldPartitions(leafId: string, databaseId: bigint): number[] {
    return this.#db
      .all(
        'SELECT ordinal FROM held_partitions WHERE leaf_id = ? AND database_id = ? ORDER BY ordinal',
        leafId,
        databaseId,
      )
      .map((row) => numberAt(row, 'ordinal'));
  }

  /** Replaces what a leaf is known to hold of a database. */
  saveHeldPartitions(leafId: string, databaseId: bigint, ordinals: readonly number[]): void {
    const held = new Set(this.heldPartitions(leafId, databaseId));
    if (held.size === ordinals.length && ordinals.every((ordinal) => held.has(ordinal))) return;
    this.#db.transaction(() => {
      this.#db.run('DELETE FROM held_partitions WHERE leaf_id = ? AND database_id = ?', leafId, databaseId);
      for (const ordinal of ordinals) {
        this.#db.run(
          'INSERT INTO held_partitions (leaf_id, database_id, ordinal) VALUES (?, ?, ?)',
          leafId,
          databaseId,
          ordinal,
        );
      }
    });
  }

  /** A new id of its sequence; ids are never used twice. */
  nextId(sequence: string): bigint {
    return this.reserve(sequence, 1n, 1n);
  }

  /**
   * Reserves `count` consecutive values of a sequence and returns the first; a sequence begins at `start`. Used for
   * AUTO_INCREMENT blocks, so values are never given twice, even after a crash, but may have gaps.
   */
  reserve(sequence: string, count: bigint, start: bigint): bigint {
    const row = this.#db.get(
      `INSERT INTO counters (name, next) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET next = next + ? RETURNING next`,
      sequence,
      start + count,
      count,
    );
    if (row === undefined)
      throw new MillraceError('STORE_CORRUPT', `sequence ${sequence} cannot be advanced`);
    return integerAt(row, 'next') - count;
  }

  /** Makes sure that later values of a sequence are above `value`. */
  raiseSequence(sequence: string, value: bigint): void {
    this.#db.run(
      'INSERT INTO counters (name, next) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET next = max(next, excluded.next)',
      sequence,
      value + 1n,
    );
  }

  setting(name: string): string | undefined {
    const row = this.#db.get('SELECT value FROM settings WHERE name = ?', name);
    return row === undefined ? undefined : textAt(row, 'value');
  }

  saveSetting(name: string, value: string): void {
    this.#db.run(
      'INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
      name,
      value,
    );
  }

  settings(): Map<string, string> {
    return new Map(
      this.#db
        .all('SELECT name, value FROM settings')
        .map((row) => [textAt(row, 'name'), textAt(row, 'value')]),
    );
  }
}

function databaseOf(row: Row): DatabaseDefinition {
  return {
    id: integerAt(row, 'id'),
    name: textAt(row, 'name'),
    partitionCount: numberAt(row, 'partition_count'),
    schemaVersion: integerAt(row, 'schema_version'),
  };
}
