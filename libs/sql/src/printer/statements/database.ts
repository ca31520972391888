import type { CreateDatabase } from '../../ast/database.ts';
import { quoteIdentifier } from '../quote.ts';

export function printCreateDatabase(statement: CreateDatabase): string {
  const parts = [
    `CREATE DATABASE ${statement.ifNotExists ? 'IF NOT EXISTS ' : ''}${quoteIdentifier(statement.name)}`,
  ];
  if (statement.partitions !== undefined) parts.push(`PARTITIONS ${statement.partitions}`);
  if (statement.characterSet !== undefined)
    parts.push(`CHARACTER SET ${quoteIdentifier(statement.characterSet)}`);
  if (statement.collation !== undefined) parts.push(`COLLATE ${quoteIdentifier(statement.collation)}`);
  return parts.join(' ');
}
