import type { Begin, Flush, Kill } from '../../ast/session.ts';
import { printObjectName } from '../quote.ts';

export function printKill({ target, id, aggregatorId }: Kill): string {
  return `KILL ${target.toUpperCase()} ${id}${aggregatorId === undefined ? '' : ` ${aggregatorId}`}`;
}

export function printBegin({ accessMode }: Begin): string {
  return accessMode === undefined ? 'BEGIN' : `START TRANSACTION ${accessMode.toUpperCase()}`;
}

export function printFlush({ what, tables }: Flush): string {
  if (tables.length === 0) return `FLUSH ${what}`;
  return `FLUSH TABLES ${tables.map(printObjectName).join(', ')}${what.slice('TABLES'.length)}`;
}
