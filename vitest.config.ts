import { configDefaults, defineConfig } from 'vitest/config';

/** Suites by what they need: nothing, a real Kafka, a cluster, containers, processes to kill. `npm test` runs all in this order. */
const environment = { UV_THREADPOOL_SIZE: '16' };
const needsKafka = '**/*.kafka.test.ts';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['libs/*/src/**/*.test.ts', 'apps/*/src/**/*.test.ts', 'tools/**/*.test.ts'],
          exclude: [...configDefaults.exclude, needsKafka],
          pool: 'forks',
          testTimeout: 30_000,
          env: environment,
        },
      },
      {
        test: {
          name: 'kafka',
          include: ['libs/*/src/**/*.kafka.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          env: environment,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['tests/{e2e,slt,compat,oracle}/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          env: environment,
        },
      },
      {
        test: {
          name: 'cluster',
          include: ['tests/cluster/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          env: environment,
        },
      },
      {
        test: {
          name: 'chaos',
          include: ['tests/chaos/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 180_000,
          env: environment,
        },
      },
    ],
  },
});
