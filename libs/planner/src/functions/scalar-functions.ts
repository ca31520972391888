import { MillraceError } from '@millrace/errors/millrace-error';
import type { BoundExpression } from '../bound/bound-expression.ts';
import { controlFunctions } from './control.ts';
import { dateTimeFunctions } from './date-time.ts';
import { jsonFunctions } from './json.ts';
import { numericFunctions } from './numeric.ts';
import type { FunctionContext, FunctionFamily } from './scalar-function.ts';
import { sessionFunctions } from './session.ts';
import { textFunctions } from './text.ts';

/** Every scalar function by its upper-case name, by family. */
export const scalarFamilies = {
  conditions: controlFunctions,
  texts: textFunctions,
  numbers: numericFunctions,
  'dates and times': dateTimeFunctions,
  JSON: jsonFunctions,
  session: sessionFunctions,
} as const satisfies Readonly<Record<string, FunctionFamily>>;

const families: readonly FunctionFamily[] = Object.values(scalarFamilies);

/**
 * Binds a call of a scalar function by its upper-case name.
 *
 * @throws FUNCTION_UNKNOWN, FUNCTION_ARGUMENTS
 */
export function bindScalarFunction(
  name: string,
  args: readonly BoundExpression[],
  context: FunctionContext,
): BoundExpression {
  for (const family of families) {
    const found = Object.hasOwn(family, name) ? family[name] : undefined;
    if (found === undefined) continue;
    checkArgumentCount(name, args.length, found);
    return found.bind(args, context);
  }
  throw new MillraceError('FUNCTION_UNKNOWN', `FUNCTION ${name} does not exist`);
}

/** Throws FUNCTION_ARGUMENTS unless the number of arguments is possible. */
export function checkArgumentCount(
  name: string,
  count: number,
  limits: { readonly argumentsMin: number; readonly argumentsMax: number },
): void {
  if (count >= limits.argumentsMin && count <= limits.argumentsMax) return;
  throw new MillraceError(
    'FUNCTION_ARGUMENTS',
    `Incorrect parameter count in the call to native function '${name}'`,
  );
}
