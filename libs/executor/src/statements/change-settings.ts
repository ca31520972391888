import type { ChangeSettings } from '../changes/change-rows.ts';
import type { SessionState } from '../sessions/session-state.ts';
import type { StatementContext } from './statement-handler.ts';

export function changeSettings({ session, signal }: StatementContext): ChangeSettings {
  return { lockWaitMs: Number(session.variables.integer('lock_wait_timeout')) * 1_000, signal };
}

const committedAlready =
  'transactions of several statements are not supported yet: this change is committed already, ROLLBACK will fail';

/**
 * Every statement commits by itself in this release. Inside BEGIN, or with autocommit off, that is not what the client
 * expects, so it is warned now, and a later ROLLBACK is refused instead of pretending.
 */
export function noteWrite(session: SessionState): void {
  if (session.transaction === 'none' && session.autocommit) return;
  if (session.transaction !== 'written')
    session.warn({ level: 'Warning', code: 1196, message: committedAlready });
  session.transaction = 'written';
}
