import {defineConfig} from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // @oclif/test reads what a command prints; Vitest's own interception would leave it an empty string.
    disableConsoleIntercept: true,
    env: {OCLIF_COLUMNS: '120', NO_COLOR: '1'},
    pool: 'forks',
    maxWorkers: 2,
    // Whole processes on a machine that others use too; they take a few seconds on a free one.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
