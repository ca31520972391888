import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['libs/*/src/**/*.test.ts', 'apps/*/src/**/*.test.ts', 'tools/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/*.kafka.test.ts', '**/*.cluster.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 20_000,
    env: { UV_THREADPOOL_SIZE: '16' },
  },
});
