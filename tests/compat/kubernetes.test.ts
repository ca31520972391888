import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { repositoryRoot } from '../support/millrace-process.ts';
import { isAvailable } from '../support/need.ts';
import { pythonEnvironment } from '../support/python-environment.ts';

/** The schemas of Kubernetes come with this validator, so nothing is fetched while it runs. */
const validatorVersion = '1.37.0';
const environment = pythonEnvironment(
  `kubernetes-validate-${validatorVersion}`,
  [`kubernetes-validate==${validatorVersion}`],
  ['kubernetes_validate'],
);
const available = isAvailable('kubernetes-validate', environment.unavailableReason);
const folder = join(repositoryRoot, 'deploy/kubernetes');
const hasKustomize = spawnSync('kustomize', ['version']).status === 0;

async function complaints(path: string): Promise<string> {
  const args = ['-m', 'kubernetes_validate', '--strict', '--quiet', path];
  const outcome = await promisify(execFile)(environment.python, args).catch(
    (error: { stdout: string; stderr: string }) => error,
  );
  return `${outcome.stdout}${outcome.stderr}`;
}

describe.skipIf(!available)('Kubernetes manifests fit the schemas', () => {
  const files = readdirSync(join(folder, 'base')).filter((name) => name !== 'kustomization.yaml');

  it.each(files)('base/%s', async (file) => {
    expect(await complaints(join(folder, 'base', file))).toBe('');
  });

  it('the validator sees what is wrong', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-kubernetes-'));
    try {
      const path = join(directory, 'wrong.yaml');
      writeFileSync(path, 'apiVersion: v1\nkind: Service\nmetadata: { name: leaf }\nspec: { port: 1 }\n');
      expect(await complaints(path)).toContain('port');
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it.skipIf(!hasKustomize).each(['base', 'tls'])('what kustomize builds of %s', async (overlay) => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-kubernetes-'));
    try {
      const path = join(directory, 'built.yaml');
      writeFileSync(path, execFileSync('kustomize', ['build', join(folder, overlay)]));
      expect(await complaints(path)).toBe('');
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
