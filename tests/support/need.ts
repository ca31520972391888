/**
 * For suites that need something of the machine. Gives true when it is there (`reason` undefined). Without it, the suite
 * fails where CI is set, and is skipped with the reason printed elsewhere.
 */
export function isAvailable(what: string, reason: string | undefined): boolean {
  if (reason === undefined) return true;
  if (isTrue(process.env['CI'])) throw new Error(`CI needs ${what}: ${reason}`);
  process.stderr.write(`skipped without ${what}: ${reason}\n`);
  return false;
}

function isTrue(setting: string | undefined): boolean {
  return setting !== undefined && setting !== '' && setting !== '0' && setting !== 'false';
}
