import type { SqlType } from '@millrace/values/sql-type';
import { type BoundExpression, call, literal } from '../bound/bound-expression.ts';
import { asText } from '../types/convert.ts';
import { bigintType, classOf, doubleType, jsonType, longtextType, textTypeOf } from '../types/type-class.ts';
import { type FunctionFamily, type ScalarFunction, unary, variadic } from './scalar-function.ts';

export type JsonResult = 'json' | 'string' | 'double' | 'bigint';

const resultTypes: Record<JsonResult, SqlType> = {
  json: jsonType,
  string: longtextType,
  double: doubleType,
  bigint: bigintType,
};

/**
 * The value at a path of keys. JSON Pointer is used because its steps are keys in objects and indexes in arrays, as in
 * MemSQL. SQL NULL when the path does not exist or the text is not JSON.
 */
export function jsonExtract(
  json: BoundExpression,
  keys: readonly BoundExpression[],
  result: JsonResult,
): BoundExpression {
  return call(
    resultTypes[result],
    [asText(json), ...keys.map(pointerStep)],
    ([document = '', ...steps]) => {
      const pointer = steps.length === 0 ? "'$'" : `(${steps.join(' || ')})`;
      const extracted = extractSql(document, pointer, result);
      return classOf(json.type) === 'json'
        ? extracted
        : `CASE WHEN json_valid(${document}) THEN ${extracted} END`;
    },
    { nullable: true },
  );
}

function extractSql(document: string, pointer: string, result: JsonResult): string {
  switch (result) {
    case 'json':
      return `CAST(json_extract(${document}, ${pointer}) AS VARCHAR)`;
    case 'string':
      return `json_extract_string(${document}, ${pointer})`;
    case 'double':
      return `TRY_CAST(json_extract_string(${document}, ${pointer}) AS DOUBLE)`;
    case 'bigint':
      return `CAST(trunc(TRY_CAST(json_extract_string(${document}, ${pointer}) AS DECIMAL(38,9))) AS BIGINT)`;
  }
}

function pointerStep(key: BoundExpression): BoundExpression {
  if (key.kind === 'literal' && key.value !== null && !(key.value instanceof Uint8Array)) {
    return literal(longtextType, `/${key.value.toString().replaceAll('~', '~0').replaceAll('/', '~1')}`);
  }
  return call(longtextType, [asText(key)], ([k]) => `'/' || replace(replace(${k}, '~', '~0'), '/', '~1')`);
}

function extract(result: JsonResult): ScalarFunction {
  return variadic(1, ([json, ...keys]) => jsonExtract(json as BoundExpression, keys, result));
}

export const jsonFunctions: FunctionFamily = {
  JSON_EXTRACT: extract('json'),
  JSON_EXTRACT_JSON: extract('json'),
  JSON_EXTRACT_STRING: extract('string'),
  JSON_EXTRACT_DOUBLE: extract('double'),
  JSON_EXTRACT_BIGINT: extract('bigint'),
  JSON_VALID: unary((a) =>
    call({ kind: 'int', unsigned: false }, [asText(a)], ([x]) => `json_valid(${x})`, { predicate: true }),
  ),
  JSON_LENGTH: variadic(1, ([json, ...keys]) =>
    call(
      bigintType,
      [jsonExtract(json as BoundExpression, keys, 'json')],
      ([x]) =>
        `CASE json_type(${x}) WHEN 'ARRAY' THEN CAST(json_array_length(${x}) AS BIGINT) WHEN 'OBJECT' THEN len(json_keys(${x})) END`,
      { nullable: true },
    ),
  ),
  JSON_GET_TYPE: unary((a) =>
    call(
      textTypeOf(8),
      [asText(a)],
      ([x]) =>
        `CASE WHEN json_valid(${x}) THEN CASE json_type(${x}) WHEN 'VARCHAR' THEN 'string' WHEN 'BIGINT' THEN 'double' WHEN 'UBIGINT' THEN 'double' ELSE lower(json_type(${x})) END END`,
      { nullable: true },
    ),
  ),
};
