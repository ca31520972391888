import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './source-tree.ts';

/**
 * `npm run codegen`: TypeScript and the descriptor set from proto/, into libs/proto/src/gen. Skips the work when nothing
 * has changed; `--check` fails instead of writing when the output is not fresh.
 */
const output = join(root, 'libs/proto/src/gen');
const stampFile = join(output, '.stamp');

function inputsHash(): string {
  const hash = createHash('sha256');
  const inputs = [
    ...globSync('proto/**/*.proto', { cwd: root }).sort(),
    'buf.yaml',
    'buf.gen.yaml',
    'package-lock.json',
  ];
  for (const path of inputs) hash.update(path).update(readFileSync(join(root, path)));
  return hash.digest('hex');
}

const stamp = inputsHash();
const fresh = existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp;
if (!fresh) {
  if (process.argv.includes('--check')) {
    console.error('generated code is stale: run npm run codegen');
    process.exit(1);
  }
  const buf = join(root, 'node_modules/.bin/buf');
  const run = (...args: string[]) =>
    execFileSync(buf, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  run('generate');
  run('build', '-o', join(output, 'descriptor-set.binpb'));
  writeFileSync(stampFile, stamp);
}
