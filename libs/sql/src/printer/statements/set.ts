import type { SetAssignment, SetStatement, SetTransaction } from '../../ast/set.ts';
import { printExpression, printUserVariable } from '../expression.ts';
import { quoteIdentifier } from '../quote.ts';
import { printAssignedValue } from './dml.ts';

export function printSet({ assignments }: SetStatement): string {
  return `SET ${assignments.map(printSetAssignment).join(', ')}`;
}

function printSetAssignment(assignment: SetAssignment): string {
  switch (assignment.kind) {
    case 'variable': {
      const { scope, name, value } = assignment;
      return `${scope.toUpperCase()} ${quoteIdentifier(name)} = ${printAssignedValue(value)}`;
    }
    case 'userVariable':
      return `${printUserVariable(assignment.name)} = ${printExpression(assignment.value)}`;
    case 'names': {
      const { characterSet, collation } = assignment;
      return `NAMES ${printCharacterSet(characterSet)}${collation === undefined ? '' : ` COLLATE ${quoteIdentifier(collation)}`}`;
    }
    case 'characterSet':
      return `CHARACTER SET ${printCharacterSet(assignment.characterSet)}`;
    case 'transaction':
      return printTransaction(assignment);
  }
}

function printCharacterSet(characterSet: string | undefined): string {
  return characterSet === undefined ? 'DEFAULT' : quoteIdentifier(characterSet);
}

function printTransaction({ scope, isolationLevel, accessMode }: SetTransaction): string {
  const characteristics: string[] = [];
  if (isolationLevel !== undefined) characteristics.push(`ISOLATION LEVEL ${isolationLevel.toUpperCase()}`);
  if (accessMode !== undefined) characteristics.push(accessMode.toUpperCase());
  return `${scope === undefined ? '' : `${scope.toUpperCase()} `}TRANSACTION ${characteristics.join(', ')}`;
}
