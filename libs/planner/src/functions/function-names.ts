import { aggregateFunctions } from './aggregates.ts';
import { scalarFamilies } from './scalar-functions.ts';
import { windowFunctions } from './windows.ts';

/** The names of all functions by what they are for, sorted. Those with a syntax of their own (CAST, TRIM) may be absent. */
export function functionNames(): Readonly<Record<string, readonly string[]>> {
  const families = {
    ...scalarFamilies,
    aggregates: aggregateFunctions,
    windows: windowFunctions,
  };
  return Object.fromEntries(
    Object.entries(families).map(([family, functions]) => [family, Object.keys(functions).sort()]),
  );
}
