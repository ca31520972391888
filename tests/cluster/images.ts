import { REAPER_IMAGE } from 'testcontainers/build/reaper/reaper.js';
import { provideKafkaImage, provideReaperImage } from '../../tools/images/base-images.ts';
import { buildImages } from '../../tools/images/build-images.ts';
import { dockerUnavailableReason } from '../../tools/images/docker.ts';
import { isAvailable } from '../support/need.ts';

const reason = await dockerUnavailableReason();

/** Whether containers can run here; throws in CI when not. */
export const hasDocker = isAvailable(
  'a Docker engine',
  reason === undefined ? undefined : `${reason}; docker/offline/engine.sh starts one on Debian`,
);

/** As long as a machine takes that has to make every image from packages. */
export const imagesTimeoutMs = 900_000;

/** Builds what is not there yet: the images of the apps, of Kafka, and of what cleans up after a run that dies. */
export async function provideImages(): Promise<void> {
  const options = {
    offline: false,
    note: (text: string) => void process.stderr.write(`[images] ${text}\n`),
  };
  const apps = ['aggregator', 'leaf', 'pipeline-extractor', 'transform-runner', 'cli'] as const;
  await buildImages(apps, options);
  await provideKafkaImage(options);
  await provideReaperImage(REAPER_IMAGE, options);
}
