import { MillraceError } from '@millrace/errors/millrace-error';
import type { ScalarValue } from '@millrace/values/column-batch';
import type { SqlType } from '@millrace/values/sql-type';
import { parseTime, parseTimestamp } from './calendar.ts';

/*
 * Which partition a row belongs to: DuckDB's `hash()` over the canonical shard key, modulo the number of partitions.
 *
 * Canonical means that equal values of types that join hash alike: integers and BOOL as BIGINT (UBIGINT hashes the same
 * below 2^63), strings as VARCHAR, FLOAT as DOUBLE, DECIMAL as text without trailing zeros, DATE and DATETIME as
 * microseconds since 1970, TIME as microseconds since midnight. NULL has a hash of its own.
 *
 * The same function exists twice: as SQL for row sets and in TypeScript for literals; `shard-hash.test.ts` compares them.
 */

/** SQL whose single BIGINT UNSIGNED value must equal {@link shardHashProbe} on every node of a cluster. */
export const shardHashProbeSql =
  "SELECT hash(CAST(-1 AS BIGINT), 'millrace shard hash probe', CAST(NULL AS BIGINT), CAST(1.5 AS DOUBLE))";

/** One column of a shard key as SQL: its type and the expression (of the type's DuckDB type) that yields it. */
export interface ShardKeyExpression {
  readonly type: SqlType;
  readonly expression: string;
}

/** One column of a shard key as a literal, in the batch form of its type (`physicalKindOf`). */
export interface ShardKeyValue {
  readonly type: SqlType;
  readonly value: ScalarValue;
}

/** DuckDB expression (UBIGINT) of the shard hash of a row. */
export function shardHashExpression(key: readonly ShardKeyExpression[]): string {
  return `hash(${key.map(({ type, expression }) => canonicalExpression(type, expression)).join(', ')})`;
}

/** DuckDB expression (INTEGER, 0 to `partitionCount` - 1) of the partition of a row. */
export function partitionExpression(key: readonly ShardKeyExpression[], partitionCount: number): string {
  return `CAST(${shardHashExpression(key)} % ${partitionCount} AS INTEGER)`;
}

/** The shard hash of literals; the same number as {@link shardHashExpression} gives. */
export function shardHash(key: readonly ShardKeyValue[]): bigint {
  const [first, ...rest] = key.map(hashValue);
  if (first === undefined) throw new MillraceError('INTERNAL', 'shard key without columns');
  return rest.reduce(combineHashes, first);
}

/** The partition of literals. Throws VALUE_WRONG_TYPE when a value is not in the form of its type. */
export function partitionOf(key: readonly ShardKeyValue[], partitionCount: number): number {
  return Number(shardHash(key) % BigInt(partitionCount));
}

/** The value that {@link shardHashProbeSql} has on every engine that hashes as this file does. */
export function shardHashProbe(): bigint {
  const bigint: SqlType = { kind: 'bigint', unsigned: false };
  return shardHash([
    { type: bigint, value: -1n },
    { type: { kind: 'longtext' }, value: 'millrace shard hash probe' },
    { type: bigint, value: null },
    { type: { kind: 'double' }, value: 1.5 },
  ]);
}

type Canonical = 'integer' | 'unsigned' | 'double' | 'decimal' | 'text' | 'blob' | 'timestamp' | 'time';

function canonicalOf(type: SqlType): Canonical {
  switch (type.kind) {
    case 'bool':
    case 'tinyint':
    case 'smallint':
    case 'mediumint':
    case 'int':
      return 'integer';
    case 'bigint':
      return type.unsigned ? 'unsigned' : 'integer';
    case 'float':
    case 'double':
      return 'double';
    case 'decimal':
      return 'decimal';
    case 'date':
    case 'datetime':
    case 'timestamp':
      return 'timestamp';
    case 'time':
      return 'time';
    case 'binary':
    case 'varbinary':
    case 'tinyblob':
    case 'blob':
    case 'mediumblob':
    case 'longblob':
      return 'blob';
    case 'char':
    case 'varchar':
    case 'tinytext':
    case 'text':
    case 'mediumtext':
    case 'longtext':
    case 'json':
    case 'null':
      return 'text';
  }
}

function canonicalExpression(type: SqlType, expression: string): string {
  switch (canonicalOf(type)) {
    case 'integer':
      return `CAST(${expression} AS BIGINT)`;
    case 'unsigned':
      return `CAST(${expression} AS UBIGINT)`;
    case 'double':
      return `CAST(${expression} AS DOUBLE)`;
    case 'decimal':
      return type.kind === 'decimal' && type.scale > 0
        ? `rtrim(rtrim(CAST(${expression} AS VARCHAR), '0'), '.')`
        : `CAST(${expression} AS VARCHAR)`;
    case 'text':
      return `CAST(${expression} AS VARCHAR)`;
    case 'blob':
      return expression;
    case 'timestamp':
      return `epoch_us(CAST(${expression} AS TIMESTAMP))`;
    case 'time':
      return `epoch_us(CAST(${expression} AS TIME))`;
  }
}

const nullHash = 0xbf58476d1ce4e5b9n;
const multiplier = 0xd6e8feb86659fd93n;
const stringSeed = 0xe17a1465n;
const lengthMultiplier = 0xc6a4a7935bd1e995n;

function u64(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}

/** DuckDB's 64-bit integer hash: xor-shift and multiply, twice. */
function mix(value: bigint): bigint {
  let hash = u64(value);
  hash = u64((hash ^ (hash >> 32n)) * multiplier);
  hash = u64((hash ^ (hash >> 32n)) * multiplier);
  return hash ^ (hash >> 32n);
}

/** DuckDB's string hash: eight bytes at a time, little endian, the last ones padded with zeros. */
function hashBytes(bytes: Uint8Array): bigint {
  let hash = stringSeed ^ u64(BigInt(bytes.length) * lengthMultiplier);
  for (let start = 0; start < bytes.length; start += 8) {
    let word = 0n;
    for (let at = Math.min(start + 8, bytes.length) - 1; at >= start; at -= 1) {
      word = (word << 8n) | BigInt(bytes[at] ?? 0);
    }
    hash = u64((hash ^ word) * multiplier);
  }
  return mix(hash);
}

function combineHashes(left: bigint, right: bigint): bigint {
  return u64((left ^ (left >> 32n)) * multiplier) ^ right;
}

function hashValue({ type, value }: ShardKeyValue): bigint {
  if (value === null) return nullHash;
  switch (canonicalOf(type)) {
    case 'integer':
    case 'unsigned':
      return mix(integerOf(value));
    case 'double':
      return hashDouble(type.kind === 'float' ? Math.fround(Number(value)) : Number(value));
    case 'decimal':
      return hashText(canonicalDecimal(value));
    case 'text':
      return hashText(textOf(value));
    case 'blob':
      if (value instanceof Uint8Array) return hashBytes(value);
      throw wrongForm(value, 'bytes');
    case 'timestamp':
      return mix(parsed(value, parseTimestamp));
    case 'time':
      return mix(parsed(value, parseTime));
  }
}

function hashText(text: string): bigint {
  return hashBytes(Buffer.from(text, 'utf8'));
}

function hashDouble(value: number): bigint {
  if (value === 0) return mix(0n);
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return mix(view.getBigUint64(0));
}

function canonicalDecimal(value: ScalarValue): string {
  const text = textOf(value);
  if (!/^-?\d+(?:\.\d+)?$/.test(text)) throw wrongForm(value, 'a decimal');
  const trimmed = text.includes('.') ? text.replace(/0+$/, '').replace(/\.$/, '') : text;
  const canonical = trimmed.replace(/^(-?)0+(?=\d)/, '$1');
  return canonical === '-0' ? '0' : canonical;
}

function integerOf(value: ScalarValue): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value);
  throw wrongForm(value, 'an integer');
}

function textOf(value: ScalarValue): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'bigint' || typeof value === 'number') return value.toString();
  throw wrongForm(value, 'text');
}

function parsed(value: ScalarValue, parse: (text: string) => bigint | undefined): bigint {
  const micros = typeof value === 'string' ? parse(value) : undefined;
  if (micros === undefined) throw wrongForm(value, 'a date or time');
  return micros;
}

function wrongForm(value: ScalarValue, wanted: string): MillraceError {
  return new MillraceError('VALUE_WRONG_TYPE', `shard key value ${String(value)} is not ${wanted}`);
}
