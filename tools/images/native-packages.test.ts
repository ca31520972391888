import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../source-tree.ts';
import { type Lockfile, nativePackages, packagesOnly } from './native-packages.ts';

describe('packages of an image', () => {
  it('are the named ones and what they need, in the locked versions', () => {
    const lockfile: Lockfile = {
      lockfileVersion: 3,
      packages: {
        '': {},
        'node_modules/a': {
          version: '1.0.0',
          dependencies: { b: '^2.0.0' },
          optionalDependencies: { '@a/linux': '1.0.0' },
        },
        'node_modules/a/node_modules/b': { version: '2.0.0', dependencies: { c: '*' } },
        'node_modules/b': { version: '1.0.0' },
        'node_modules/c': { version: '3.0.0', dependencies: { a: '*' } },
        'node_modules/@a/linux': { version: '1.0.0' },
        'node_modules/other': { version: '9.0.0' },
      },
    };
    const { manifest, lockfile: reduced } = packagesOnly(lockfile, ['a']);
    expect(manifest).toMatchObject({ dependencies: { a: '1.0.0' } });
    expect(Object.keys((reduced as Lockfile).packages)).toEqual([
      '',
      'node_modules/@a/linux',
      'node_modules/a',
      'node_modules/a/node_modules/b',
      'node_modules/c',
    ]);
    expect(() => packagesOnly(lockfile, ['d'])).toThrow('no d at its top level');
  });

  it('exist for both platforms of the images', () => {
    const lockfile = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lockfile;
    const { packages } = packagesOnly(lockfile, nativePackages).lockfile as Lockfile;
    for (const platform of ['linux-x64', 'linux-arm64']) {
      const builds = Object.keys(packages).filter(
        (path) => path.includes(platform) && !path.includes('musl'),
      );
      expect(builds, platform).toHaveLength(nativePackages.length);
    }
  });
});
