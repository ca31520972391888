import type { ScalarValue } from '@millrace/values/column-batch';
import { call, literal } from '../bound/bound-expression.ts';
import { bigintType, longtextType, textTypeOf } from '../types/type-class.ts';
import {
  type FunctionContext,
  type FunctionFamily,
  nullary,
  type ScalarFunction,
} from './scalar-function.ts';

function text(value: (context: FunctionContext) => string | null): ScalarFunction {
  return nullary((context) => {
    const known = value(context);
    return literal(textTypeOf(known?.length ?? 64), known);
  });
}

function integer(value: (context: FunctionContext) => ScalarValue): ScalarFunction {
  return nullary((context) => literal(bigintType, value(context)));
}

const hexDigits = '0123456789abcdef';

/** A random (version 4) UUID from the session's source of randomness. */
function randomUuid(random: () => number): string {
  return 'xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx'.replaceAll(/[xy]/g, (letter) => {
    const digit = Math.floor(random() * 16);
    return hexDigits[letter === 'y' ? (digit & 3) | 8 : digit] ?? '0';
  });
}

export const sessionFunctions: FunctionFamily = {
  DATABASE: text(({ session }) => session.database ?? null),
  SCHEMA: text(({ session }) => session.database ?? null),
  USER: text(({ session }) => session.user),
  CURRENT_USER: text(({ session }) => session.user),
  SESSION_USER: text(({ session }) => session.user),
  SYSTEM_USER: text(({ session }) => session.user),
  VERSION: text(({ session }) => session.version),
  CONNECTION_ID: integer(({ session }) => session.connectionId),
  LAST_INSERT_ID: integer(({ session }) => session.lastInsertId),
  ROW_COUNT: integer(({ session }) => session.rowCount),
  FOUND_ROWS: integer(({ session }) => session.foundRows),
  UUID: nullary(({ session, replayed }) =>
    replayed
      ? literal(
          textTypeOf(36),
          randomUuid(() => session.random()),
        )
      : call(longtextType, [], () => 'CAST(uuid() AS VARCHAR)', { nullable: false }),
  ),
};
