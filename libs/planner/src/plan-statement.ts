/** Entry points of planning: a statement's tree and what it depends on give its plan. */
export type { InitResult } from './bind/binder.ts';
export { planDelete } from './statements/plan-delete.ts';
export { planInsert } from './statements/plan-insert.ts';
export { planSelect } from './statements/plan-select.ts';
export { planUpdate } from './statements/plan-update.ts';
