/** The apps that have an image, and which of them stays beside the services of a cluster. */
export const imageApps = [
  'aggregator',
  'leaf',
  'pipeline-extractor',
  'transform-runner',
  'standalone',
  'cli',
] as const;

export type ImageApp = (typeof imageApps)[number];
