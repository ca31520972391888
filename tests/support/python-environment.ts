import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Python packages in an environment of their own, outside the tree so that it is made once on a machine. */
export interface PythonEnvironment {
  /** The interpreter that sees the packages. */
  readonly python: string;
  /** Why it cannot be used; undefined when it can. */
  readonly unavailableReason: string | undefined;
}

/** @param packages such as `PyMySQL==1.1.2`, exact, since `name` stands for them; `modules` are what they are imported as */
export function pythonEnvironment(
  name: string,
  packages: readonly string[],
  modules: readonly string[],
): PythonEnvironment {
  const folder = join(homedir(), '.cache', 'millrace', name);
  const python = join(folder, 'bin', 'python');
  const works = () =>
    existsSync(python) && spawnSync(python, ['-c', `import ${modules.join(', ')}`]).status === 0;
  if (works()) return { python, unavailableReason: undefined };
  const steps = [
    ['python3', '-m', 'venv', '--clear', folder],
    [python, '-m', 'pip', 'install', '-q', '--disable-pip-version-check', ...packages],
  ] as const;
  for (const [command, ...args] of steps) {
    const { status, error, stderr } = spawnSync(command, args, { encoding: 'utf8' });
    if (status !== 0) {
      return { python, unavailableReason: `${command} ${args.join(' ')}: ${error?.message ?? stderr}` };
    }
  }
  return { python, unavailableReason: works() ? undefined : `${modules.join(', ')} cannot be imported` };
}
