import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { realKafkaClassPath, realKafkaVersion } from '@millrace/testkit/real-kafka-jars';
import { root } from '../source-tree.ts';
import { docker, hasImage, runScript } from './docker.ts';

export const nodeImage = 'node:24-bookworm-slim';
export const kafkaImage = `apache/kafka:${realKafkaVersion}`;

/** Images made here carry this label with the digest of their recipe; real ones do not have it. */
const standInLabel = 'org.millrace.stand-in';

export interface BaseImageOptions {
  /** Makes the images from packages without asking an image registry first. */
  readonly offline: boolean;
  readonly note: (text: string) => void;
}

/** Makes sure that the base image of every app is there: pulled, or made from packages where no registry answers. */
export async function provideNodeImage(options: BaseImageOptions): Promise<void> {
  await provide(nodeImage, options, async () => {
    const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      readonly devDependencies: { readonly node: string };
    };
    await runScript(join(root, 'docker/offline/base-images.sh'), devDependencies.node);
  });
}

/** The same for Kafka. */
export async function provideKafkaImage(options: BaseImageOptions): Promise<void> {
  await provide(kafkaImage, options, async () => {
    await provideNodeImage({ ...options, offline: true });
    const jars = (await realKafkaClassPath()).replace(/\/\*$/, '');
    await runScript(join(root, 'docker/offline/kafka-image.sh'), kafkaImage, jars);
  });
}

/** The same for the container that cleans up after container tests, under the tag that these want. */
export async function provideReaperImage(tag: string, options: BaseImageOptions): Promise<void> {
  await provide(tag, options, async () => {
    await provideNodeImage({ ...options, offline: true });
    await runScript(join(root, 'docker/offline/reaper-image.sh'), tag);
  });
}

async function provide(
  tag: string,
  { offline, note }: BaseImageOptions,
  make: () => Promise<void>,
): Promise<void> {
  if (await hasImage(tag)) {
    const made = await docker(
      'image',
      'inspect',
      '--format',
      `{{index .Config.Labels "${standInLabel}"}}`,
      tag,
    );
    // A stand-in is made again when its recipe has changed.
    if (made !== '') await make();
    return;
  }
  if (!offline) {
    try {
      note(`pulling ${tag}`);
      await docker('pull', '--quiet', tag);
      return;
    } catch (error) {
      const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
      note(`${tag} cannot be pulled, so it is made from packages (${reason})`);
    }
  }
  await make();
}
