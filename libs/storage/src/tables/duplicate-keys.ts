import { quoteIdentifier, quoteLiteral } from '@millrace/engine/sql-text';
import { MillraceError } from '@millrace/errors/millrace-error';
import { duckdbTypeOf } from '@millrace/values/duckdb-type-of';
import type { TableDefinition, UniqueKeyDefinition } from '../schema/table-definition.ts';
import type { Assignment, InsertOperation, RowCounts } from '../transactions/operation.ts';
import { columnList, keysEqual } from './table-store.ts';
import type { WriteTransaction } from './write-transaction.ts';

/**
 * What inserting with a policy for duplicate keys needs of a table. All of it works inside the transaction and sees its
 * own changes.
 */
export interface KeyedRows {
  readonly definition: TableDefinition;
  /** A FROM item of the current rows. */
  currentRows(transaction: WriteTransaction): Promise<string>;
  /** Inserts the rows of a query that yields the table's columns in order; returns how many. */
  insertRows(transaction: WriteTransaction, query: string): Promise<number>;
  /** Deletes the rows whose `columns` equal those of some row of `keysTable`; returns how many. */
  deleteByKey(transaction: WriteTransaction, keysTable: string, columns: readonly string[]): Promise<number>;
}

/** Number of the row within its slice; rows with equal keys take effect in this order, as if inserted one by one. */
const sliceRow = '"millrace slice row"';

/** Makes a temporary table of the slice with a row number; `slicePath` is a Parquet file. */
export function loadSlice(
  transaction: WriteTransaction,
  definition: TableDefinition,
  slicePath: string,
): Promise<string> {
  const source = `read_parquet(${quoteLiteral(slicePath)}, hive_partitioning = false, file_row_number = true)`;
  return transaction.materialize(
    `SELECT ${columnList(definition)}, file_row_number AS ${sliceRow} FROM ${source}`,
  );
}

/** Inserts a slice into a table with unique keys, doing for duplicates what the operation says. */
export async function insertWithPolicy(
  transaction: WriteTransaction,
  rows: KeyedRows,
  operation: InsertOperation,
): Promise<RowCounts> {
  const slice = await loadSlice(transaction, rows.definition, transaction.slicePath(operation.slice));
  const total = await transaction.integer(`SELECT count(*) FROM ${slice}`);
  const selectFirsts = async () => `SELECT * FROM ${slice} QUALIFY ${firstOfEveryKey(rows.definition)}`;
  switch (operation.onDuplicate) {
    case 'error':
      await requireUnique(transaction, rows, slice);
      return { affectedRows: BigInt(await insertAll(transaction, rows, slice)), skippedRows: 0n };
    case 'skip': {
      let affectedRows = 0n;
      await inRounds(transaction, slice, selectFirsts, async (round) => {
        await removeDuplicatesOfStored(transaction, rows, round);
        affectedRows += BigInt(await insertAll(transaction, rows, round));
      });
      return { affectedRows, skippedRows: total - affectedRows };
    }
    case 'replace': {
      let affectedRows = await dropSuperseded(transaction, rows.definition, slice);
      await inRounds(transaction, slice, selectFirsts, async (round) => {
        for (const { columns } of rows.definition.uniqueKeys) {
          affectedRows += BigInt(await rows.deleteByKey(transaction, round, columns));
        }
        affectedRows += BigInt(await insertAll(transaction, rows, round));
      });
      return { affectedRows, skippedRows: 0n };
    }
    case 'update': {
      let affectedRows = 0n;
      const selectRound = () => updateRound(transaction, rows, slice, operation.assignments);
      const apply = async (round: string) => {
        for (const key of rows.definition.uniqueKeys) {
          affectedRows += await updateMatched(transaction, rows, round, key, operation.assignments);
        }
        affectedRows += BigInt(await insertAll(transaction, rows, round));
      };
      await inRounds(transaction, slice, selectRound, apply);
      return { affectedRows, skippedRows: 0n };
    }
  }
}

function insertAll(transaction: WriteTransaction, rows: KeyedRows, source: string): Promise<number> {
  return rows.insertRows(transaction, `SELECT ${columnList(rows.definition)} FROM ${source}`);
}

/** True where a row is the first of its key within its source; a key with a NULL is always alone. */
function isFirst({ columns }: UniqueKeyDefinition, order: 'ASC' | 'DESC' = 'ASC'): string {
  const names = columns.map(quoteIdentifier);
  const anyNull = names.map((name) => `${name} IS NULL`).join(' OR ');
  const rank = `row_number() OVER (PARTITION BY ${names.join(', ')} ORDER BY ${sliceRow} ${order})`;
  return `(${anyNull} OR ${rank} = 1)`;
}

/** True where a row comes before all others of its source that share a key with it. */
function firstOfEveryKey({ uniqueKeys }: TableDefinition): string {
  return uniqueKeys.map((key) => isFirst(key)).join(' AND ');
}

/**
 * Runs `apply` on the slice in rounds until it is used up. `selectRound` gives a query of the rows to take next: such
 * that no two of them have an equal key, no earlier row with an equal key is left, and the first row left is among them.
 * A slice without repeated keys is then one round.
 */
async function inRounds(
  transaction: WriteTransaction,
  slice: string,
  selectRound: () => Promise<string>,
  apply: (round: string) => Promise<void>,
): Promise<void> {
  while ((await transaction.integer(`SELECT count(*) FROM ${slice}`)) > 0n) {
    const round = await transaction.materialize(await selectRound());
    await transaction.run(`DELETE FROM ${slice} WHERE ${sliceRow} IN (SELECT ${sliceRow} FROM ${round})`);
    await apply(round);
    await transaction.drop(round);
  }
}

/**
 * The rows to take next for ON DUPLICATE KEY UPDATE. With several keys two rows can also meet in a stored row that each
 * matches by another key; the later one then waits. When assignments set key columns every row may change what the next
 * one matches, so rows go one by one.
 */
async function updateRound(
  transaction: WriteTransaction,
  rows: KeyedRows,
  slice: string,
  assignments: readonly Assignment[],
): Promise<string> {
  const { uniqueKeys } = rows.definition;
  const keyColumns = [...new Set(uniqueKeys.flatMap(({ columns }) => columns))];
  if (assignments.some(({ column }) => keyColumns.includes(column))) {
    return `SELECT * FROM ${slice} ORDER BY ${sliceRow} LIMIT 1`;
  }
  const firsts = firstOfEveryKey(rows.definition);
  if (uniqueKeys.length === 1) return `SELECT * FROM ${slice} QUALIFY ${firsts}`;
  const current = await rows.currentRows(transaction);
  const identity = keyColumns.map((name) => `stored.${quoteIdentifier(name)}`).join(', ');
  const targets = uniqueKeys.map(
    ({ columns }) => `SELECT incoming.${sliceRow} AS slice_row, row(${identity}) AS target
      FROM ${current} AS stored JOIN ${slice} AS incoming ON ${keysEqual(columns, 'stored', 'incoming')}`,
  );
  const later = `SELECT slice_row FROM (${targets.join(' UNION ALL ')})
    QUALIFY min(slice_row) OVER (PARTITION BY target) < slice_row`;
  // Both conditions look at all rows that are left, so neither may filter before the other.
  return `SELECT * FROM ${slice} QUALIFY ${firsts} AND ${sliceRow} NOT IN (${later})`;
}

/**
 * With one unique key, REPLACE only ever keeps the last row of a key: removes the others from the slice and returns what
 * they count, two each (inserted, then deleted by the next).
 */
async function dropSuperseded(
  transaction: WriteTransaction,
  { uniqueKeys }: TableDefinition,
  slice: string,
): Promise<bigint> {
  const [key, ...others] = uniqueKeys;
  if (key === undefined || others.length > 0) return 0n;
  const last = `SELECT ${sliceRow} FROM ${slice} QUALIFY ${isFirst(key, 'DESC')}`;
  return 2n * BigInt(await transaction.run(`DELETE FROM ${slice} WHERE ${sliceRow} NOT IN (${last})`));
}

/** Removes from a source the rows that have a key of a stored row. */
async function removeDuplicatesOfStored(
  transaction: WriteTransaction,
  rows: KeyedRows,
  source: string,
): Promise<void> {
  const current = await rows.currentRows(transaction);
  for (const { columns } of rows.definition.uniqueKeys) {
    const stored = `SELECT 1 FROM ${current} AS stored WHERE ${keysEqual(columns, 'stored', 'incoming')}`;
    await transaction.run(`DELETE FROM ${source} AS incoming WHERE EXISTS (${stored})`);
  }
}

/**
 * Throws DUPLICATE_KEY when two rows of `source`, or one of it and a stored one, have an equal key. `source` is a
 * temporary table with the table's columns that is not stored yet.
 */
export async function requireUnique(
  transaction: WriteTransaction,
  rows: KeyedRows,
  source: string,
): Promise<void> {
  const { uniqueKeys } = rows.definition;
  if (uniqueKeys.length === 0) return;
  const current = await rows.currentRows(transaction);
  for (const key of uniqueKeys) {
    const names = key.columns.map(quoteIdentifier);
    const shown = `concat_ws('-', ${names.map((name) => `CAST(${name} AS VARCHAR)`).join(', ')})`;
    const noNull = names.map((name) => `${name} IS NOT NULL`).join(' AND ');
    const repeated = `SELECT ${shown} FROM ${source} WHERE ${noNull} GROUP BY ${names.join(', ')} HAVING count(*) > 1`;
    const stored = `SELECT ${shown} FROM ${source} AS incoming SEMI JOIN ${current} AS stored
      ON ${keysEqual(key.columns, 'incoming', 'stored')}`;
    const [duplicate] = await transaction.rows(`(${repeated} LIMIT 1) UNION ALL (${stored} LIMIT 1)`);
    if (duplicate !== undefined) throw duplicateKey(String(duplicate[0]), key);
  }
}

function duplicateKey(value: string, key: UniqueKeyDefinition): MillraceError {
  const name = key.primary ? 'PRIMARY' : key.name;
  return new MillraceError(
    'DUPLICATE_KEY',
    `duplicate entry ${quoteLiteral(value)} for key ${quoteIdentifier(name)}`,
  );
}

/**
 * ON DUPLICATE KEY UPDATE for the rows of `round` that match a stored row on `key`: updates the stored rows and removes
 * the matched ones from `round`. Returns 2 per row that changed (a match whose values stay the same counts nothing).
 */
async function updateMatched(
  transaction: WriteTransaction,
  rows: KeyedRows,
  round: string,
  key: UniqueKeyDefinition,
  assignments: readonly Assignment[],
): Promise<bigint> {
  const { definition } = rows;
  const current = await rows.currentRows(transaction);
  const excluded = definition.columns.map(
    ({ name }) => `${quoteIdentifier(name)} := incoming.${quoteIdentifier(name)}`,
  );
  const matched = await transaction.materialize(
    `SELECT ${columnList(definition, 'stored')}, struct_pack(${excluded.join(', ')}) AS excluded, incoming.${sliceRow}
      FROM ${current} AS stored JOIN ${round} AS incoming ON ${keysEqual(key.columns, 'stored', 'incoming')}`,
  );
  const changed = await transaction.materialize(
    `SELECT * FROM ${matched} WHERE ${assignmentsChange(definition, assignments)}`,
  );
  const updated = await transaction.materialize(
    `SELECT ${assignedColumns(definition, assignments).join(', ')} FROM ${changed}`,
  );
  await transaction.run(`DELETE FROM ${round} WHERE ${sliceRow} IN (SELECT ${sliceRow} FROM ${matched})`);
  await rows.deleteByKey(transaction, changed, key.columns);
  await requireUnique(transaction, rows, updated);
  const count = await insertAll(transaction, rows, updated);
  for (const table of [matched, changed, updated]) await transaction.drop(table);
  return 2n * BigInt(count);
}

function castAssignment(definition: TableDefinition, { column, expression }: Assignment): string {
  const type = definition.columns.find(({ name }) => name === column)?.type;
  if (type === undefined) {
    throw new MillraceError('COLUMN_UNKNOWN', `unknown column ${quoteIdentifier(column)} in assignment`);
  }
  return `CAST((${expression}) AS ${duckdbTypeOf(type)})`;
}

/** True for stored rows that the assignments would change. */
export function assignmentsChange(definition: TableDefinition, assignments: readonly Assignment[]): string {
  if (assignments.length === 0) return 'false';
  const changes = assignments.map(
    (assignment) =>
      `${quoteIdentifier(assignment.column)} IS DISTINCT FROM ${castAssignment(definition, assignment)}`,
  );
  return `(${changes.join(' OR ')})`;
}

/** The table's columns in order, the assigned ones as the expressions they are set to. */
export function assignedColumns(definition: TableDefinition, assignments: readonly Assignment[]): string[] {
  for (const assignment of assignments) castAssignment(definition, assignment);
  return definition.columns.map(({ name }) => {
    // The last assignment to a column wins, as in MySQL.
    const assignment = assignments.findLast(({ column }) => column === name);
    const quoted = quoteIdentifier(name);
    return assignment === undefined ? quoted : `${castAssignment(definition, assignment)} AS ${quoted}`;
  });
}
