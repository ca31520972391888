import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Import, Layer, Project } from './layers.ts';

/** The repository's root folder. */
export const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

interface PackageJson {
  readonly name: string;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly nx?: { readonly tags?: readonly string[] };
}

/** Every app and library, by package name. */
export function readProjects(): Map<string, Project> {
  const projects = new Map<string, Project>();
  for (const path of globSync(['apps/*/package.json', 'libs/*/package.json'], { cwd: root })) {
    const json = JSON.parse(readFileSync(join(root, path), 'utf8')) as PackageJson;
    const tags = json.nx?.tags ?? [];
    const tag = (prefix: string) => tags.find((each) => each.startsWith(prefix))?.slice(prefix.length);
    projects.set(json.name, {
      name: json.name,
      folder: dirname(path),
      layer: tag('layer:') as Layer | undefined,
      lib: tag('lib:') ?? tag('app:') ?? '',
      dependencies: new Set(Object.keys(json.dependencies ?? {})),
      exports: new Set(Object.keys(json.exports ?? {})),
    });
  }
  return projects;
}

/** Hand-written TypeScript files below the given folders, relative to the root. */
export function sourceFiles(patterns: readonly string[]): string[] {
  return globSync([...patterns], {
    cwd: root,
    exclude: (name) => name === 'gen' || name === 'node_modules',
  }).sort();
}

const importPattern =
  /^\s*(?:import|export)\b[^'"]*?from\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)|^\s*import\s+['"]([^'"]+)['"]|^\}?\s*from\s+['"]([^'"]+)['"]/;

/** Every import of some files. */
export function importsOf(files: readonly string[]): Omit<Import, 'project'>[] {
  return files.flatMap((file) =>
    readFileSync(join(root, file), 'utf8')
      .split('\n')
      .flatMap((text, index) => {
        const match = importPattern.exec(text) ?? /^\}\s*from\s+['"]([^'"]+)['"]/.exec(text);
        const specifier = match?.slice(1).find((each) => each !== undefined);
        if (specifier === undefined) return [];
        return [{ file, line: index + 1, specifier, isTest: /\.test\.ts$|\/testing\//.test(file) }];
      }),
  );
}

/** Every import of a project's sources. */
export function readImports(project: Project): Import[] {
  return importsOf(sourceFiles([`${project.folder}/src/**/*.ts`])).map((found) => ({ ...found, project }));
}
