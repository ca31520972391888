import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './source-tree.ts';

/**
 * `npm test [-- suite …]`: the suites one after the other, so that heavy ones do not disturb each other, and a closing
 * line with the sums. Exits with 1 when anything failed.
 */
const suites = ['unit', 'kafka', 'e2e', 'cluster', 'chaos'];

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly success: boolean;
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((suite) => !suites.includes(suite));
if (unknown.length > 0) {
  console.error(`unknown suite ${unknown.join(', ')}; there are ${suites.join(', ')}`);
  process.exit(2);
}

const sums = { passed: 0, failed: 0, skipped: 0 };
const folder = mkdtempSync(join(tmpdir(), 'millrace-test-'));
let ok = true;
for (const suite of wanted.length === 0 ? suites : wanted) {
  console.log(`\n== ${suite}`);
  const file = join(folder, `${suite}.json`);
  const args = [
    'run',
    '--project',
    suite,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
  ];
  const { status } = spawnSync(join(root, 'node_modules/.bin/vitest'), args, { cwd: root, stdio: 'inherit' });
  ok &&= status === 0;
  try {
    const report = JSON.parse(readFileSync(file, 'utf8')) as Report;
    sums.passed += report.numPassedTests;
    sums.failed += report.numFailedTests;
    sums.skipped += report.numPendingTests;
  } catch {
    console.error(`suite ${suite} left no report`);
    sums.failed += 1;
    ok = false;
  }
}
rmSync(folder, { recursive: true });
if (!ok && sums.failed === 0) sums.failed = 1;
console.log(
  `\n${sums.passed} passed, ${sums.failed} failed${sums.skipped === 0 ? '' : `, ${sums.skipped} skipped`}`,
);
process.exit(ok ? 0 : 1);
