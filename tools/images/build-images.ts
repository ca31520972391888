import { createHash } from 'node:crypto';
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { version } from '@millrace/runtime/version';
import { root } from '../source-tree.ts';
import type { ImageApp } from './apps.ts';
import { type BaseImageOptions, nodeImage, provideNodeImage } from './base-images.ts';
import { bundleApp } from './bundle.ts';
import { docker, hasImage } from './docker.ts';
import { type Lockfile, nativePackages, packagesOnly } from './native-packages.ts';

export interface BuiltImage {
  readonly app: ImageApp;
  /** Names the image by its content: it never stands for anything else. */
  readonly tag: string;
  readonly bytes: number;
  /** False when an image of the same content was there. */
  readonly built: boolean;
  readonly seconds: number;
}

const context = join(root, '.cache/images');
const recipe = join(root, 'docker/Dockerfile');

/**
 * Builds the images of apps, each as `millrace/APP:<content>`, `millrace/APP:<version>` and `millrace/APP:latest`. An image
 * whose code, packages, recipe and base have not changed is not built again; older contents lose their tag.
 */
export async function buildImages(
  apps: readonly ImageApp[],
  options: BaseImageOptions,
): Promise<readonly BuiltImage[]> {
  await provideNodeImage(options);
  writePackages();
  const base = await docker('image', 'inspect', '--format', '{{.Id}}', nodeImage);
  const images: BuiltImage[] = [];
  for (const app of apps) {
    const image = await buildImage(app, base);
    options.note(
      `millrace/${app}:${version} ${image.built ? `built in ${image.seconds.toFixed(1)} s` : 'is up to date'}`,
    );
    images.push(image);
  }
  return images;
}

/** What the stage of native packages installs. */
function writePackages(): void {
  const lockfile = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lockfile;
  const files = packagesOnly(lockfile, nativePackages);
  const folder = join(context, 'packages');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify(files.manifest, null, 2));
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(files.lockfile, null, 2));
}

async function buildImage(app: ImageApp, base: string): Promise<BuiltImage> {
  const startMs = performance.now();
  await bundleApp(app, join(context, app));
  const tag = `millrace/${app}:${contentOf(app, base)}`;
  const built = !(await hasImage(tag));
  if (built) {
    const args = ['--build-arg', `APP=${app}`, '--build-arg', `VERSION=${version}`];
    await docker('build', ...args, '--file', recipe, '--tag', tag, context);
  }
  await docker('tag', tag, `millrace/${app}:${version}`);
  await docker('tag', tag, `millrace/${app}:latest`);
  await dropOlderContents(app, tag);
  const bytes = Number(await docker('image', 'inspect', '--format', '{{.Size}}', tag));
  return { app, tag, bytes, built, seconds: (performance.now() - startMs) / 1000 };
}

const contentPrefix = 'content-';

function contentOf(app: ImageApp, base: string): string {
  const hash = createHash('sha256').update(base).update(version).update(readFileSync(recipe));
  for (const folder of ['packages', app]) {
    const files = globSync('**/*', { cwd: join(context, folder), withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
    for (const file of files) hash.update(file.slice(context.length)).update(readFileSync(file));
  }
  return `${contentPrefix}${hash.digest('hex').slice(0, 16)}`;
}

async function dropOlderContents(app: ImageApp, tag: string): Promise<void> {
  const listed = await docker('image', 'ls', '--format', '{{.Repository}}:{{.Tag}}', `millrace/${app}`);
  const older = listed.split('\n').filter((each) => each.includes(`:${contentPrefix}`) && each !== tag);
  // One that a container still uses stays until the next build.
  for (const each of older) await docker('image', 'rm', each).catch(() => undefined);
}
