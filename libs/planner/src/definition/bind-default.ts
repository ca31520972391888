import type { ColumnDefault } from '@millrace/catalog/definitions';
import { MillraceError } from '@millrace/errors/millrace-error';
import type { Expression } from '@millrace/sql/ast/expression';
import type { ScalarValue } from '@millrace/values/column-batch';
import { blobBytesMax, type SqlType, textBytesMax } from '@millrace/values/sql-type';
import { bindExpression } from '../bind/bind-expression.ts';
import { bindQuery } from '../bind/bind-query.ts';
import { Binder } from '../bind/binder.ts';
import { emptyScope } from '../bind/name-scope.ts';
import type { BindContext } from '../bind-context.ts';
import type { BoundLiteral } from '../bound/bound-expression.ts';
import { canonicalDate, canonicalDatetime, canonicalTime } from '../types/calendar-text.ts';
import { classOf } from '../types/type-class.ts';

interface DefaultedColumn {
  readonly name: string;
  readonly type: SqlType;
  readonly nullable: boolean;
}

const nowFunctions: ReadonlySet<string> = new Set([
  'NOW',
  'CURRENT_TIMESTAMP',
  'LOCALTIME',
  'LOCALTIMESTAMP',
]);

/**
 * The DEFAULT of a column: a constant in the form of its type, or the current time. Undefined for DEFAULT NULL.
 *
 * @throws DEFAULT_INVALID
 */
export function bindDefault(
  expression: Expression,
  column: DefaultedColumn,
  context: BindContext,
): ColumnDefault | undefined {
  if (expression.kind === 'function' && nowFunctions.has(expression.name)) {
    if (classOf(column.type) !== 'datetime') throw invalid(column);
    return { kind: 'now' };
  }
  const bound = bindExpression(
    new Binder(context),
    expression,
    {
      clause: 'field list',
      scope: emptyScope,
      parent: undefined,
      ctes: undefined,
      aggregates: false,
      windows: false,
    },
    bindQuery,
  );
  if (bound.kind !== 'literal') throw invalid(column);
  if (bound.value === null) {
    if (!column.nullable) throw invalid(column);
    return undefined;
  }
  const value = constantOf(bound, column.type);
  if (value === undefined) throw invalid(column);
  return { kind: 'literal', value };
}

function invalid({ name }: DefaultedColumn): MillraceError {
  return new MillraceError('DEFAULT_INVALID', `Invalid default value for '${name}'`);
}

const integerBits = { bool: 8n, tinyint: 8n, smallint: 16n, mediumint: 24n, int: 32n, bigint: 64n } as const;
/** The constant in the batch form of the type; undefined when it does not fit. */
function constantOf({ value }: BoundLiteral, type: SqlType): ScalarValue | undefined {
  if (value === null) return undefined;
  const text = value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : value.toString();
  switch (type.kind) {
    case 'bool':
    case 'tinyint':
    case 'smallint':
    case 'mediumint':
    case 'int':
    case 'bigint':
      return integerOf(text, integerBits[type.kind], type.kind !== 'bool' && type.unsigned);
    case 'float':
    case 'double': {
      const number = text.trim() === '' ? Number.NaN : Number(text);
      return Number.isFinite(number) ? number : undefined;
    }
    case 'decimal':
      return decimalOf(text, type.precision, type.scale);
    case 'char':
    case 'varchar':
      return [...text].length <= type.length ? text : undefined;
    case 'tinytext':
    case 'text':
    case 'mediumtext':
    case 'longtext':
      return Buffer.byteLength(text) <= textBytesMax[type.kind] ? text : undefined;
    case 'json':
      return jsonOf(text);
    case 'binary':
    case 'varbinary':
      return bytesOf(value, text, type.length);
    case 'tinyblob':
    case 'blob':
    case 'mediumblob':
    case 'longblob':
      return bytesOf(value, text, blobBytesMax[type.kind]);
    case 'date':
      return canonicalDate(text.slice(0, 10));
    case 'time':
      return canonicalTime(text);
    case 'datetime':
    case 'timestamp':
      return canonicalDatetime(text);
    case 'null':
      return undefined;
  }
}

function integerOf(text: string, bits: bigint, unsigned: boolean): bigint | undefined {
  const whole = /^\s*([-+]?\d+)(?:\.0*)?\s*$/.exec(text)?.[1];
  if (whole === undefined) return undefined;
  const value = BigInt(whole.replace('+', ''));
  const [low, high] = unsigned ? [0n, 2n ** bits - 1n] : [-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n];
  return value >= low && value <= high ? value : undefined;
}

/** Digits with exactly `scale` of them after the point; more than that is no default of the column. */
function decimalOf(text: string, precision: number, scale: number): string | undefined {
  const match = /^\s*([-+]?)0*(\d*)(?:\.(\d*?)0*)?\s*$/.exec(text);
  const [, sign = '', whole = '', fraction = ''] = match ?? [];
  if (match === null || whole.length > precision - scale || fraction.length > scale) return undefined;
  const digits = `${whole === '' ? '0' : whole}${scale === 0 ? '' : `.${fraction.padEnd(scale, '0')}`}`;
  return sign === '-' && /[1-9]/.test(digits) ? `-${digits}` : digits;
}

function jsonOf(text: string): string | undefined {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function bytesOf(value: ScalarValue, text: string, length: number): Uint8Array | undefined {
  const bytes = value instanceof Uint8Array ? value : Buffer.from(text, 'utf8');
  return bytes.length <= length ? bytes : undefined;
}
