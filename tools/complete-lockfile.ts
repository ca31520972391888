import { readFileSync, writeFileSync } from 'node:fs';
import { completeLockfile, type Lockfile, missingOptionalPackages } from './lockfile.ts';

/** `npm run lockfile`: adds the platform builds that npm left out. Run it after every `npm install`. */
const path = new URL('../package-lock.json', import.meta.url);
const lockfile = JSON.parse(readFileSync(path, 'utf8')) as Lockfile;
const missing = missingOptionalPackages(lockfile);
if (missing.length > 0) writeFileSync(path, `${JSON.stringify(completeLockfile(lockfile), null, 2)}\n`);
console.log(
  missing.length === 0
    ? 'package-lock.json is complete'
    : `added ${missing.map((each) => each.name).join(', ')}`,
);
