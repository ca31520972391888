import { cpSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { root } from '../source-tree.ts';
import type { ImageApp } from './apps.ts';
import { nativePackages } from './native-packages.ts';

/** CommonJS packages in the bundle go on using what an ES module has not got. */
const banner = `import { createRequire as createRequireOfBundle } from 'node:module';
const require = createRequireOfBundle(import.meta.url);
const __filename = import.meta.filename;
const __dirname = import.meta.dirname;`;

/** The reflection package reads its .proto files from a folder beside its sources; in a bundle, from one beside that. */
const reflectionProtos: Plugin = {
  name: 'reflection-protos',
  setup({ onLoad }) {
    onLoad({ filter: /@grpc\/reflection\/build\/src\/implementations\/.*\.js$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replaceAll(`'../../proto/`, `'./reflection-protos/`),
      loader: 'js',
    }));
  },
};

/**
 * Writes the code of an app into a folder: `main.mjs` and what it loads later, `health.mjs`, and the files read at run time.
 * Native packages stay outside; the bundle is the same for every platform.
 */
export async function bundleApp(app: ImageApp, folder: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await build({
    absWorkingDir: root,
    entryPoints: {
      main: `apps/${app}/src/main.ts`,
      ...(app === 'cli' ? {} : { health: 'tools/images/health.ts' }),
    },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    external: nativePackages.map((name) => `${name}*`),
    banner: { js: banner },
    plugins: [reflectionProtos],
    legalComments: 'none',
    logLevel: 'warning',
  });
  cpSync(join(root, 'node_modules/@grpc/reflection/build/proto'), join(folder, 'reflection-protos'), {
    recursive: true,
  });
  for (const file of ['package.json', 'src/gen/descriptor-set.binpb']) {
    cpSync(join(root, 'libs/proto', file), join(folder, 'node_modules/@millrace/proto', file));
  }
}
