import type { RowErrors } from '../rows/row-errors.ts';
import type { RowFields, RowSink } from '../rows/row-fields.ts';
import type { PlannedFormat } from '../rows/row-plan.ts';
import { CsvScanner } from './csv-scanner.ts';
import { buildJsonPathTree } from './json-path-tree.ts';
import { JsonScanner } from './json-scanner.ts';
import type { RecordScanner } from './record-scanner.ts';

/** The scanner of a format. To add a format, add its kind to {@link PlannedFormat} and its scanner here. */
export function createScanner(
  format: PlannedFormat,
  fields: RowFields,
  sink: RowSink,
  errors: RowErrors,
): RecordScanner {
  switch (format.kind) {
    case 'json': {
      const options = { tree: buildJsonPathTree(format.fields), required: format.required };
      return new JsonScanner(options, fields, sink, errors);
    }
    case 'csv':
      return new CsvScanner(format, fields, sink, errors);
  }
}
