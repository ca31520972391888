import type { AddLeaf, RemoveLeaf } from '../../ast/leaf.ts';
import { quoteIdentifier, quoteString } from '../quote.ts';

export function printAddLeaf({ user, password, host, port, group }: AddLeaf): string {
  const secret = password === undefined ? '' : `:${quoteString(password)}`;
  const into = group === undefined ? '' : ` INTO GROUP ${group}`;
  return `ADD LEAF ${quoteIdentifier(user)}${secret}@${quoteString(host)}:${port}${into}`;
}

export function printRemoveLeaf({ host, port, force }: RemoveLeaf): string {
  return `REMOVE LEAF ${quoteString(host)}:${port}${force ? ' FORCE' : ''}`;
}
