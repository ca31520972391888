import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';

const outputBytesMax = 16 * 1024 * 1024;

/** Runs a docker command and gives its standard output without the last line end. Rejects with what docker said. */
export async function docker(...args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('docker', args, {
      maxBuffer: outputBytesMax,
      // The plain builder is everywhere; nothing here needs more.
      env: { ...process.env, DOCKER_BUILDKIT: process.env['DOCKER_BUILDKIT'] ?? '0' },
    });
    return stdout.trimEnd();
  } catch (error) {
    const { stderr = '', stdout = '' } = error as { stderr?: string; stdout?: string };
    const said = `${stdout}\n${stderr}`.trim().split('\n').slice(-30).join('\n');
    throw new Error(`docker ${args.slice(0, 2).join(' ')} failed: ${said || String(error)}`, {
      cause: error,
    });
  }
}

/** Why no Docker engine can be used, or undefined when one answers. */
export async function dockerUnavailableReason(): Promise<string | undefined> {
  try {
    await docker('version', '--format', '{{.Server.Version}}');
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

export async function hasImage(tag: string): Promise<boolean> {
  return docker('image', 'inspect', '--format', '{{.Id}}', tag).then(
    () => true,
    () => false,
  );
}

/** Runs a script that says on stderr what it does. Rejects when it fails. */
export function runScript(path: string, ...args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('bash', [path, ...args], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, DOCKER_BUILDKIT: process.env['DOCKER_BUILDKIT'] ?? '0' },
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${path} ended with ${signal ?? code}`));
    });
  });
}
