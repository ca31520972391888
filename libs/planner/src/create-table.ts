/** Table definitions from CREATE TABLE, and back. */
export { bindTableDefinition, type TableDefinitionDraft } from './definition/bind-table-definition.ts';
export { formatCreateTable } from './definition/format-create-table.ts';
