import { parseArgs } from 'node:util';
import { version } from '@millrace/runtime/version';
import { type ImageApp, imageApps } from './apps.ts';
import { provideKafkaImage } from './base-images.ts';
import { buildImages } from './build-images.ts';
import { dockerUnavailableReason } from './docker.ts';

/** `npm run images`: see `help`. */
const help = `npm run images -- [--offline] [--kafka] [APP …]

Builds the images of all apps (${imageApps.join(', ')}), or of those named,
as millrace/APP:${version} and millrace/APP:latest. Base images are pulled, or made from Debian and npm packages
where no image registry answers.

  --offline  asks no image registry
  --kafka    also provides the Kafka image of the compose file's demo profile
`;

const { values, positionals } = parseArgs({
  options: {
    offline: { type: 'boolean', default: false },
    kafka: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
  allowPositionals: true,
});
const unknown = positionals.filter((app) => !imageApps.includes(app as ImageApp));
if (values.help || unknown.length > 0) {
  if (unknown.length > 0) console.error(`there is no app ${unknown.join(', ')}\n`);
  console.log(help);
  process.exit(unknown.length > 0 ? 2 : 0);
}
const unavailable = await dockerUnavailableReason();
if (unavailable !== undefined) {
  console.error(
    `${unavailable}\nImages need a Docker engine; docker/offline/engine.sh starts one on Debian.`,
  );
  process.exit(1);
}
const options = { offline: values.offline, note: (text: string) => console.error(text) };
const apps = positionals.length > 0 ? (positionals as ImageApp[]) : imageApps;
const images = await buildImages(apps, options);
if (values.kafka) await provideKafkaImage(options);
for (const { app, bytes } of images) {
  console.log(`${`millrace/${app}:${version}`.padEnd(40)}${(bytes / 1e6).toFixed(0).padStart(5)} MB`);
}
