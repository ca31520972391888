/** What package-lock.json must hold so that `npm ci` accepts it on every platform. Pure; see complete-lockfile.ts. */

interface LockedPackage {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly [key: string]: unknown;
}

export interface Lockfile {
  readonly packages: Readonly<Record<string, LockedPackage>>;
  readonly [key: string]: unknown;
}

export interface MissingPackage {
  readonly path: string;
  readonly name: string;
  readonly version: string;
  readonly dev: boolean;
}

/**
 * Optional dependencies (builds for other platforms) that the lockfile names but has no entry for. npm leaves them out
 * when the registry in use does not serve them, and `npm ci` then fails everywhere.
 */
export function missingOptionalPackages(lockfile: Lockfile): MissingPackage[] {
  const missing = new Map<string, MissingPackage>();
  for (const [owner, entry] of Object.entries(lockfile.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const nested = `${owner}/node_modules/${name}`;
      const hoisted = `node_modules/${name}`;
      if (lockfile.packages[nested] === undefined && lockfile.packages[hoisted] === undefined) {
        missing.set(hoisted, { path: hoisted, name, version, dev: entry.dev === true });
      }
    }
  }
  return [...missing.values()];
}

const systems = [
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'win32',
  'aix',
];
const processors = [
  'arm64',
  'armv7',
  'arm',
  'x64',
  'ia32',
  'ppc64',
  'riscv64',
  's390x',
  'loong64',
  'mips64el',
  'wasm32',
];

/** The lock entry of a platform build, its platform read from its name (`…-linux-arm64-musl`). */
export function platformEntry(missing: MissingPackage): LockedPackage {
  const parts = missing.name.split(/[-/]/);
  const system = systems.find(
    (each) => parts.includes(each) || parts.some((part) => part.startsWith(each) && each !== 'aix'),
  );
  const processor = processors.find((each) => parts.includes(each));
  const libc = parts.includes('musl') ? ['musl'] : parts.includes('gnu') ? ['glibc'] : undefined;
  return {
    version: missing.version,
    ...(processor === undefined ? {} : { cpu: [processor === 'armv7' ? 'arm' : processor] }),
    ...(missing.dev ? { dev: true } : {}),
    ...(libc === undefined ? {} : { libc }),
    optional: true,
    ...(system === undefined ? {} : { os: [system] }),
  };
}

/** The lockfile with every missing entry added, packages sorted as npm sorts them. */
export function completeLockfile(lockfile: Lockfile): Lockfile {
  const added = missingOptionalPackages(lockfile).map((each) => [each.path, platformEntry(each)] as const);
  const packages = [...Object.entries(lockfile.packages), ...added].sort(([a], [b]) =>
    a.localeCompare(b, 'en'),
  );
  return { ...lockfile, packages: Object.fromEntries(packages) };
}
