import { done, type StatementHandler } from './statement-handler.ts';

/** There is one aggregator, so its id is not looked at. */
export const runKill: StatementHandler<'kill'> = async ({ target, id }, { services }) => {
  if (target === 'query') services.processes.killQuery(id);
  else services.processes.killConnection(id);
  return done;
};
