import { once } from 'node:events';
import { createServer } from 'node:net';
import { MillraceError } from '@millrace/errors/millrace-error';

export const demoHost = '127.0.0.1';

/**
 * The wanted port, which must be free; or the usual one if it is free; or undefined for any.
 *
 * @param hint what to do if the wanted port is not free
 * @throws OPTION_INVALID
 */
export async function choosePort(
  wanted: number | undefined,
  usual: number,
  hint: string,
): Promise<number | undefined> {
  if (wanted === undefined) return (await isFree(usual)) ? usual : undefined;
  if (wanted === 0) return undefined;
  if (await isFree(wanted)) return wanted;
  throw new MillraceError('OPTION_INVALID', `port ${wanted} on ${demoHost} is in use or not permitted`, {
    detail: hint,
  });
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await once(server.listen(port, demoHost), 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
