/**
 * The layer rule, written once: which project may import which, by the nx tags in each package.json. Everything that is
 * not allowed here is refused.
 */

export type Layer = 'launcher' | 'app' | 'role' | 'core' | 'base';

export interface Project {
  /** Package name, for example `@millrace/sql`. */
  readonly name: string;
  readonly folder: string;
  readonly layer: Layer | undefined;
  /** `sql` of `lib:sql`. */
  readonly lib: string;
  readonly dependencies: ReadonlySet<string>;
  readonly exports: ReadonlySet<string>;
}

export interface Import {
  readonly project: Project;
  readonly file: string;
  readonly line: number;
  readonly specifier: string;
  readonly isTest: boolean;
}

const allowedLayers: Record<Layer, readonly Layer[]> = {
  // The standalone program and the command line start the services' apps.
  launcher: ['launcher', 'app', 'core', 'base'],
  app: ['role', 'core', 'base'],
  role: ['core', 'base'],
  core: ['core', 'base'],
  base: ['base'],
};

/** Core libraries that may import only the named libraries, because they are pure. */
const onlyThese: Readonly<Record<string, readonly string[]>> = {
  sql: ['errors', 'values'],
  planner: ['errors', 'values', 'sql', 'catalog'],
};

/** Third-party packages that only the named libraries may import. */
const restrictedExternals: Readonly<Record<string, readonly string[]>> = {
  '@grpc/grpc-js': ['rpc', 'proto'],
  '@grpc/reflection': ['rpc'],
  '@duckdb/node-api': ['engine'],
  '@duckdb/node-bindings': ['engine'],
  kafkajs: ['kafka', 'testkit', 'cli'],
  'prom-client': ['runtime'],
  mysql2: ['cli'],
};

/**
 * Files that may name generated protobuf types: gRPC services and clients at the edge of a role, conversions, and the
 * file of an app that connects them.
 */
const protoEdge = /\/(services|clients|conversions)\/|^apps\/[^/]+\/src\/service\.ts$/;

/** Why an import breaks the rule, or undefined when it does not. Test files may reach further down and sideways. */
export function violationOf(found: Import, projects: ReadonlyMap<string, Project>): string | undefined {
  const { specifier, project } = found;
  if (specifier.startsWith('node:')) return undefined;
  if (specifier.startsWith('.')) {
    return leavesFolder(found)
      ? `relative import ${specifier} leaves ${project.folder}; use the package name`
      : undefined;
  }
  const packageName = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
  const target = projects.get(packageName);
  return target === undefined ? externalViolation(found, packageName) : internalViolation(found, target);
}

function leavesFolder(found: Import): boolean {
  const resolved = new URL(found.specifier, `file:///${found.file}`).pathname.slice(1);
  return !resolved.startsWith(`${found.project.folder}/`);
}

function externalViolation(found: Import, packageName: string): string | undefined {
  if (found.isTest) return undefined;
  if (!found.project.dependencies.has(packageName))
    return `${packageName} is not a dependency of ${found.project.name}`;
  const owners = restrictedExternals[packageName];
  if (owners !== undefined && !owners.includes(found.project.lib)) {
    return `${packageName} may be imported only by ${owners.join(', ')}`;
  }
  return undefined;
}

/** Whether an `exports` map offers an entry, by its name or by a pattern such as `./ast/*`. */
function isEntryPoint(entry: string, exports: ReadonlySet<string>): boolean {
  return [...exports].some((offered) =>
    offered.endsWith('*')
      ? entry.startsWith(offered.slice(0, -1)) && entry.length >= offered.length
      : entry === offered,
  );
}

/** What package.json files offer or ask for and no import uses. Entry points with a pattern are left out. */
export function unusedDeclarations(
  projects: ReadonlyMap<string, Project>,
  imports: readonly Import[],
  elsewhere: readonly Pick<Import, 'specifier'>[],
): string[] {
  const imported = new Set([...imports, ...elsewhere].map(({ specifier }) => specifier));
  return [...projects.values()].flatMap((project) => {
    const own = imports.filter((found) => found.project.name === project.name);
    const used = (name: string) => own.some(({ specifier }) => `${specifier}/`.startsWith(`${name}/`));
    return [
      ...[...project.dependencies]
        .filter((name) => !used(name))
        .map((name) => `${project.name} depends on ${name}`),
      ...[...project.exports]
        .filter((entry) => !entry.includes('*') && !imported.has(`${project.name}${entry.slice(1)}`))
        .map((entry) => `${project.name} offers ${entry}`),
    ];
  });
}

function internalViolation(found: Import, target: Project): string | undefined {
  const { project, specifier } = found;
  if (project.layer === undefined) return `${project.name} has no layer tag, so it may import nothing`;
  if (target.layer === undefined) return `${target.name} has no layer tag, so nothing may import it`;
  const entry = `.${specifier.slice(target.name.length)}`;
  if (!isEntryPoint(entry, target.exports)) return `${specifier} is not an entry point of ${target.name}`;
  if (found.isTest) return undefined;
  if (target.name === project.name) return undefined;
  if (!project.dependencies.has(target.name)) return `${target.name} is not a dependency of ${project.name}`;
  if (!allowedLayers[project.layer].includes(target.layer)) {
    return `${project.layer} ${project.name} may not import ${target.layer} ${target.name}`;
  }
  const only = onlyThese[project.lib];
  if (only !== undefined && !only.includes(target.lib))
    return `${project.lib} may import only ${only.join(', ')}`;
  if (target.lib === 'proto' && project.lib !== 'rpc' && !protoEdge.test(found.file)) {
    return 'generated protobuf types stay in services/, clients/ and conversions/';
  }
  return undefined;
}
