import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorsPage } from './errors-page.ts';
import { functionsPage } from './functions-page.ts';
import { metricsPage } from './metrics-page.ts';
import { optionsPage } from './options-page.ts';
import { root } from './source-tree.ts';

/** `npm run docs`: writes the pages of docs/reference that are generated from code; `--check` only compares. */
export const pages: Readonly<Record<string, () => Promise<string> | string>> = {
  'docs/reference/errors.md': errorsPage,
  'docs/reference/functions.md': functionsPage,
  'docs/reference/metrics.md': metricsPage,
  'docs/reference/options.md': optionsPage,
};

if (import.meta.main) {
  for (const [path, render] of Object.entries(pages)) {
    const text = await render();
    const file = join(root, path);
    if (!process.argv.includes('--check')) writeFileSync(file, text);
    else if (readFileSync(file, 'utf8') !== text) {
      console.error(`${path} is stale: run npm run docs`);
      process.exitCode = 1;
    }
  }
}
