import type { Authenticate } from '@millrace/mysql-wire/session';

const noPassword = new Uint8Array(0);

/** The only account of this release: `root` without password. The server listens on 127.0.0.1 unless told otherwise. */
export const authenticate: Authenticate = async (user, checkPassword) => user === 'root' && checkPassword(noPassword);
