/** Packages with native code, which no bundle can hold: images install them for their platform. */
export const nativePackages = ['@duckdb/node-bindings', '@node-rs/crc32', 'lz4-napi', 'snappy'] as const;

interface LockedPackage {
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly dev?: boolean;
}

export interface Lockfile {
  readonly lockfileVersion: number;
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

export interface PackageFiles {
  readonly manifest: object;
  readonly lockfile: object;
}

/**
 * A package.json and a package-lock.json of the named packages and all that they need, in the versions of the given
 * lockfile. Throws when one of them is not at the top level of the lockfile.
 */
export function packagesOnly(lockfile: Lockfile, names: readonly string[]): PackageFiles {
  const chosen = new Map<string, LockedPackage>();
  const add = (path: string): void => {
    const found = lockfile.packages[path];
    if (found === undefined || chosen.has(path)) return;
    chosen.set(path, found);
    for (const name of Object.keys({ ...found.dependencies, ...found.optionalDependencies })) {
      const place = placeOf(lockfile, path, name);
      if (place !== undefined) add(place);
    }
  };
  const dependencies: Record<string, string> = {};
  for (const name of names) {
    const version = lockfile.packages[`node_modules/${name}`]?.version;
    if (version === undefined) throw new Error(`package-lock.json has no ${name} at its top level`);
    dependencies[name] = version;
    add(`node_modules/${name}`);
  }
  const manifest = { name: 'millrace-native-packages', version: '1.0.0', private: true, dependencies };
  const packages = Object.fromEntries([...chosen].sort(([a], [b]) => (a < b ? -1 : 1)));
  return {
    manifest,
    lockfile: {
      name: manifest.name,
      version: manifest.version,
      lockfileVersion: lockfile.lockfileVersion,
      requires: true,
      packages: { '': manifest, ...packages },
    },
  };
}

/** Where a package finds a dependency: the nearest node_modules on the way up. */
function placeOf(lockfile: Lockfile, from: string, name: string): string | undefined {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    const place = folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (lockfile.packages[place] !== undefined) return place;
    if (folder === '') return undefined;
  }
}
