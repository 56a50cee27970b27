import {defineConfig} from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // @oclif/test reads what a command prints; Vitest's own interception would leave it an empty string.
    disableConsoleIntercept: true,
    env: {OCLIF_COLUMNS: '120', NO_COLOR: '1'},
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
