import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Import, type Project, unusedDeclarations, violationOf } from './layers.ts';
import { completeLockfile, type Lockfile, missingOptionalPackages, platformEntry } from './lockfile.ts';
import { importsOf, readImports, readProjects, root, sourceFiles } from './source-tree.ts';

const fileLinesMax = 500;

describe('layers', () => {
  const projects = readProjects();

  it('hold for every import', () => {
    const violations = [...projects.values()].flatMap(readImports).flatMap((found) => {
      const violation = violationOf(found, projects);
      return violation === undefined ? [] : [`${found.file}:${found.line} ${violation}`];
    });
    expect(violations).toEqual([]);
  });

  it('come with no dependency and no entry point that nothing uses', () => {
    const elsewhere = importsOf(sourceFiles(['tests/**/*.ts', 'tools/**/*.ts', 'docs/examples/*.ts']));
    const own = [...projects.values()].flatMap(readImports);
    // Its sources are generated, and import what the generator says.
    const unused = unusedDeclarations(projects, own, elsewhere).filter(
      (what) => !what.startsWith('@millrace/proto'),
    );
    expect(unused).toEqual([]);
  });

  const project = (name: string): Project => {
    const found = projects.get(`@millrace/${name}`);
    if (found === undefined) throw new Error(`no project ${name}`);
    return found;
  };

  it.each([
    ['storage', 'libs/storage/src/x.ts', '@millrace/executor/x', 'not an entry point'],
    ['sql', 'libs/sql/src/x.ts', '@millrace/catalog/definitions', 'is not a dependency'],
    ['errors', 'libs/errors/src/x.ts', '@millrace/sql/parse', 'not a dependency'],
    ['planner', 'libs/planner/src/x.ts', '@duckdb/node-api', 'not a dependency'],
    ['executor', 'libs/executor/src/x.ts', '../../storage/src/leaf.ts', 'leaves libs/executor'],
    ['executor', 'libs/executor/src/x.ts', '@millrace/proto/millrace/leaf/v1/leaf', 'stay in services/'],
  ])('refuse what %s may not import: %s %s', (name, file, specifier, reason) => {
    const found: Import = { project: project(name), file, line: 1, specifier, isTest: false };
    expect(violationOf(found, projects)).toContain(reason);
  });

  it('refuse an untagged project anything', () => {
    const untagged = { ...project('sql'), layer: undefined };
    const found = {
      project: untagged,
      file: 'libs/sql/src/x.ts',
      line: 1,
      specifier: '@millrace/errors/codes',
      isTest: false,
    };
    expect(violationOf(found, projects)).toContain('no layer tag');
  });
});

describe('source files', () => {
  it(`have at most ${fileLinesMax} lines`, () => {
    const long = sourceFiles(['apps/*/src/**/*.ts', 'libs/*/src/**/*.ts', 'tools/**/*.ts', 'tests/**/*.ts'])
      .map((file) => ({ file, lines: readFileSync(join(root, file), 'utf8').split('\n').length }))
      .filter(({ lines }) => lines > fileLinesMax);
    expect(long).toEqual([]);
  });
});

describe('package-lock.json', () => {
  it('holds every optional platform build, so that npm ci works everywhere', () => {
    const lockfile = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lockfile;
    expect(missingOptionalPackages(lockfile)).toEqual([]);
  });

  it('names no registry host', () => {
    expect(readFileSync(join(root, 'package-lock.json'), 'utf8')).not.toMatch(/"resolved": "https?:/);
  });

  it('is completed with the platform of each build', () => {
    const lockfile = {
      packages: { 'node_modules/a': { optionalDependencies: { '@a/cli-linux-arm64-musl': '1.2.3' } } },
    };
    expect(completeLockfile(lockfile).packages['node_modules/@a/cli-linux-arm64-musl']).toEqual({
      version: '1.2.3',
      cpu: ['arm64'],
      libc: ['musl'],
      optional: true,
      os: ['linux'],
    });
    expect(platformEntry({ path: '', name: '@a/cli-win32-x64', version: '1', dev: true })).toMatchObject({
      os: ['win32'],
    });
  });
});
